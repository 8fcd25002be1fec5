/** @file Bundling the browser's program with Vite, and running it in headless Chromium. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { build, preview } from "vite";
import { launchChromium } from "../../scripts/vitest/chromium.js";

/** Copies the browser's program into a new folder, and bundles it there. */
export async function bundle(path: string): Promise<void> {
  cpSync(join(import.meta.dirname, "..", "browser"), path, { recursive: true });
  await build({ root: path, logLevel: "error", configFile: false });
}

/** Opens the bundle in the browser. @returns the losses that it leaves, and the errors of the page */
export async function train(path: string): Promise<{ losses: number[]; errors: string[] }> {
  const server = await preview({ root: path, configFile: false, preview: { host: "127.0.0.1", port: 0 } });
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(server.resolvedUrls!.local[0]!);
    const losses = await page.evaluate(() => (globalThis as unknown as { losses?: Promise<number[]> }).losses);
    return { losses: losses ?? [], errors };
  } finally {
    await browser.close();
    await server.close();
  }
}
