/** @file Bundling the browser's program with Vite, and running it in headless Chromium. */
import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { build, preview } from "vite";

const executablePath = "/usr/bin/chromium";

/** Why no browser can be used; `undefined` when one can. */
export const browserMissing: string | undefined = existsSync(executablePath)
  ? undefined
  : `there is no ${executablePath} (Debian's package chromium)`;

/** Copies the browser's program into a new folder, and bundles it there. */
export async function bundle(path: string): Promise<void> {
  cpSync(join(import.meta.dirname, "..", "browser"), path, { recursive: true });
  await build({ root: path, logLevel: "error", configFile: false });
}

/** Opens the bundle in the browser. @returns the losses that it leaves, and the errors of the page */
export async function train(path: string): Promise<{ losses: number[]; errors: string[] }> {
  const server = await preview({ root: path, configFile: false, preview: { host: "127.0.0.1", port: 0 } });
  const browser = await chromium.launch({
    executablePath,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
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
