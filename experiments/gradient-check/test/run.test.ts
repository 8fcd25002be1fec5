import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseFolder, readMeasurements } from "../src/folder.js";
import { readImages, syntheticImages } from "../src/images.js";
import type { Measurement } from "../src/measure.js";

/** Of a folder that no workspace compiles. */
const { chromiumMissing, faultsOfReport, launchChromium } = (await import(
  new URL("../../../scripts/vitest/chromium.ts", import.meta.url).href
)) as {
  chromiumMissing: string | undefined;
  launchChromium(): Promise<{ close(): Promise<void> }>;
  faultsOfReport(browser: unknown, file: string): Promise<string[]>;
};
if (chromiumMissing !== undefined) console.info(`Skipped: the report in Chromium: ${chromiumMissing}`);

const main = fileURLToPath(new URL("../dist/src/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sew-gradient-check-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const data = join(folder, "images");
beforeAll(async () => {
  mkdirSync(join(data, "inside"), { recursive: true });
  const red = { create: { width: 64, height: 48, channels: 3, background: "#ff0000" } } as const;
  await sharp(red).jpeg().toFile(join(data, "a.JPEG"));
  await sharp(red)
    .greyscale()
    .png()
    .toFile(join(data, "inside", "b.png"));
  writeFileSync(join(data, "notes.txt"), "no image");
});

const small = ["--depth", "18", "--size", "32", "--steps", "2", "--batch", "2", "--figure", "7", "--data", data];
const check = (...options: string[]) =>
  spawnSync(process.execPath, [main, ...small, ...options], { cwd: folder, encoding: "utf8" });
const read = (...path: string[]) => JSON.parse(readFileSync(join(folder, ...path), "utf8"));

describe("pnpm experiment gradient-check", () => {
  const out = "runs/gradient-check/resnet-18";

  it("prints every number and every statement, and leaves a report, numbers and pictures", () => {
    const { status, stdout, stderr } = check();
    expect([status, stderr]).toEqual([0, expect.stringContaining("8 of 8: SEW IAND, V_th = 0.5, α = 2: ")]);
    expect(stderr).toContain(", about ");
    // Two tables of 8 blocks, their titles and columns.
    expect(stdout.match(/^ +\d(?: ▽)? +\S/gm)).toHaveLength(16);
    const { statements, measurements } = read(out, "results.json");
    expect(measurements).toHaveLength(8);
    for (const { source, text, measured } of statements)
      expect(stdout).toContain(`: ${source}: ${text}: ${measured}\n`);
    for (const name of ["fig7.svg", "gradients.svg"]) {
      expect(readFileSync(join(folder, out, name), "utf8")).toMatch(/^<svg [\s\S]*SEW ADD[\s\S]*<\/svg>\n$/);
    }
    const [columns, ...rows] = readFileSync(join(folder, out, "blocks.csv"), "utf8")
      .trimEnd()
      .split("\n");
    expect(columns).toBe("figure,family,zeroInit,block,path,downsample,output,gradient,residual");
    expect(rows).toHaveLength(8 * 8);
    const page = readFileSync(join(folder, out, "report.html"), "utf8");
    expect(page).toContain("at zero-init that of Spiking decays faster");
    expect(page).not.toContain("synthetic");
    expect(read(out, "check.json")).toMatchObject({ identity: { depth: 18 }, environment: { backend: "native" } });
  });

  it.skipIf(chromiumMissing !== undefined)(
    "leaves a report that reads well, light and dark, wide and narrow",
    async () => {
      const browser = await launchChromium();
      expect(await faultsOfReport(browser, join(folder, out, "report.html"))).toEqual([]);
      await browser.close();
    },
  );

  it("goes on where it was stopped, with the numbers that it would have had", () => {
    const before: Measurement[] = read(out, "measurements.json");
    writeFileSync(join(folder, out, "measurements.json"), JSON.stringify(before.slice(0, 7)));
    const { status, stderr } = check();
    expect([status, stderr]).toEqual([0, expect.stringContaining("7 of 8 networks are measured there already")]);
    const numbers = (all: Measurement[]) => all.map(({ blocks, lastGradient }) => ({ blocks, lastGradient }));
    expect(numbers(read(out, "measurements.json"))).toEqual(numbers(before));
  });

  it.each([
    ["config.json", "run"],
    ["last.safetensors", "run"],
    ["comparison.json", "comparison"],
    ["results.md", "report on runs"],
    ["rates.json", "report on firing rates"],
  ])("replaces no folder with %s, with --overwrite either", async (file, kind) => {
    const other = join(folder, kind);
    mkdirSync(other, { recursive: true });
    writeFileSync(join(other, file), "{}");
    for (const overwrite of [false, true]) {
      await expect(chooseFolder("base", {}, { out: other, overwrite })).rejects.toThrow(
        new RangeError(`--out: ${other} must hold no ${kind}, got ${file}; name another folder`),
      );
    }
    rmSync(other, { recursive: true });
  });

  it("refuses a folder that holds another check, and measurements that are damaged", () => {
    const { status, stderr } = check("--out", out, "--seed", "1");
    expect([status, stderr]).toEqual([
      1,
      `error: --out: ${out} holds another check; --overwrite replaces it, --out names another folder\n`,
    ]);
    mkdirSync(join(folder, "damaged"));
    writeFileSync(join(folder, "damaged", "measurements.json"), "[{");
    expect(check("--out", "damaged").stderr).toContain(
      "error: --out: damaged/measurements.json must hold JSON, got something else; --overwrite replaces it\n",
    );
  });

  it.each([
    "{}",
    "[1]",
    "[null]",
    '[{ "figure": 7, "family": "Spiking", "zeroInit": true, "blocks": [{}], "lastGradient": 1 }]',
  ])("refuses measurements that are none: %s", async (text) => {
    const other = join(folder, "other");
    mkdirSync(other, { recursive: true });
    writeFileSync(join(other, "measurements.json"), text);
    await expect(readMeasurements(other)).rejects.toThrow(
      new RangeError(
        `--out: ${join(other, "measurements.json")} must hold measurements, got something else; --overwrite replaces it`,
      ),
    );
  });

  it("refuses wrong options, with status 2", () => {
    const refused = (...options: string[]) => {
      const { status, stderr } = check(...options);
      return [status, stderr.split("\n")[0]];
    };
    expect(refused("--depth", "20")).toEqual([
      2,
      "error: option '--depth <n>' argument '20' is invalid. It must be one of 18, 34, 50, 101, 152.",
    ]);
    expect(refused("--size", "16")).toEqual([
      2,
      "error: option '--size <pixels>' argument '16' is invalid. It must be an integer of at least 32.",
    ]);
    expect(execFileSync(process.execPath, [main, "--help"], { encoding: "utf8" })).toContain("--figure <n>");
    expect(existsSync(join(folder, "runs/gradient-check/resnet-18-2"))).toBe(false);
  });
});

describe("the images", () => {
  it("are those of a folder and its folders, grey ones too, normalised as for ImageNet", async () => {
    const { values, description, synthetic } = await readImages(data, 2, 32);
    expect([description, synthetic]).toEqual(["2 images: a.JPEG, inside/b.png", false]);
    const pixel = (n: number) => [...values.slice(n * 32 * 32 * 3, n * 32 * 32 * 3 + 3)];
    const [red] = [pixel(0)];
    expect(red[0]).toBeCloseTo((254 / 255 - 0.485) / 0.229, 1);
    expect(red[1]).toBeCloseTo((0 - 0.456) / 0.224, 1);
    const grey = pixel(1).map((value, c) => value * [0.229, 0.224, 0.225][c]! + [0.485, 0.456, 0.406][c]!);
    expect(grey[1]).toBeCloseTo(grey[0]!, 6);
    expect(grey[2]).toBeCloseTo(grey[0]!, 6);
  });

  it("are taken at equal distances, and refused where they are too few", async () => {
    expect((await readImages(data, 1, 32)).description).toBe("1 image: a.JPEG");
    await expect(readImages("/nope", 1, 32)).rejects.toThrow(
      new RangeError("--data: must name a folder of images, got /nope, which does not exist; name another"),
    );
    const file = join(data, "notes.txt");
    await expect(readImages(file, 1, 32)).rejects.toThrow(
      new RangeError(`--data: must name a folder of images, got ${file}, which cannot be read (ENOTDIR); name another`),
    );
    await expect(readImages(data, 3, 32)).rejects.toThrow(
      "--data: the folder must hold 3 images or more (.jpeg, .jpg, .png, .webp), got 2; name another folder, or choose a " +
        "smaller --batch",
    );
  });

  it("are waves where there is no folder, the same each time, with a variance as photographs have", () => {
    const { values, synthetic, fingerprint } = syntheticImages(2, 64);
    expect([synthetic, fingerprint]).toEqual([true, syntheticImages(2, 64).fingerprint]);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.3);
    expect(variance).toBeGreaterThan(0.5);
    expect(variance).toBeLessThan(2);
  });
});
