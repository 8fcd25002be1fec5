import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, describe, expect, it } from "vitest";
import { dataTable, measure } from "../src/data/row.js";

const main = fileURLToPath(new URL("../dist/src/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sew-benchmark-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs `pnpm bench data`. */
const bench = (...args: string[]) =>
  spawnSync(process.execPath, [main, "data", ...args], { cwd: folder, encoding: "utf8" });

describe("a row", () => {
  it("is timed so often, with the processor's time of each run", async () => {
    let calls = 0;
    const run = async () => {
      calls++;
      return 7;
    };
    const figures = await measure({ name: "work", unit: "images", run }, 4);
    expect(figures).toMatchObject({ name: "work", unit: "images", count: 7 });
    expect([figures.seconds.length, figures.cpuSeconds.length]).toEqual([4, 4]);
    expect(calls).toBeGreaterThanOrEqual(4);
  });

  it("shows its rate, that of a core, and the share of its limit", () => {
    const limit = {
      name: "alone",
      unit: "images",
      count: 100,
      seconds: [0.5, 0.25, 0.2],
      cpuSeconds: [0.5, 0.4, 0.25],
    };
    const row = { name: "all", unit: "images", limit: "alone", count: 100, seconds: [1], cpuSeconds: [0.8] };
    const many = { name: "events", unit: "events", count: 1e9, seconds: [2], cpuSeconds: [4] };
    expect(dataTable([limit, row, many])).toEqual([
      { work: "alone", "a second": "400 images", range: "200-500", "a core's second": "250" },
      { work: "all", "a second": "100 images", range: "100-100", "a core's second": "125", "of the limit": "50 %" },
      { work: "events", "a second": "5.00e8 events", range: "5.00e8-5.00e8", "a core's second": "2.50e8" },
    ]);
  });
});

describe("pnpm bench data", () => {
  it("measures images of one's own and the readers of events, prints a table and writes every figure", async () => {
    mkdirSync(join(folder, "images", "a"), { recursive: true });
    for (const i of [0, 1, 2]) {
      const image = sharp({ create: { width: 300 + i, height: 280, channels: 3, background: { r: i, g: 9, b: 200 } } });
      await image.jpeg().toFile(join(folder, "images", "a", `${i}.jpg`));
    }
    const { status, stdout } = bench("--data", "images", "--runs", "1", "--json", "figures.json");
    expect(status).toBe(0);
    expect(stdout).toContain("'JPEG, crop, flip, normalise, 2 workers'");
    expect(stdout).toContain("'readAedat2'");
    expect(stdout).toContain("every figure: figures.json");
    const { rows } = JSON.parse(readFileSync(join(folder, "figures.json"), "utf8"));
    const counts = (unit: string) =>
      rows.flatMap((row: { unit: string; count: number }) => (row.unit === unit ? [row.count] : []));
    expect(counts("images")).toEqual([3, 3, 3, 3, 3, 3, 3, 10_000]);
    expect(counts("events")).toEqual(Array(11).fill(4 * 2 ** 20));
    for (const { limit } of rows) {
      if (limit !== undefined) expect(rows.filter(({ name }: { name: string }) => name === limit)).toHaveLength(1);
    }
  });

  it("says what is wrong with a folder, and with an option", () => {
    mkdirSync(join(folder, "empty"));
    const { status, stderr } = bench("--data", "empty");
    expect([status, stderr]).toEqual([
      1,
      "error: imageFolder: dir must hold one folder of images per class, got none in empty; name the folder above them\n",
    ]);
    const wrong = bench("--runs", "0");
    expect(wrong.status).toBe(1);
    expect(wrong.stderr).toContain("It must be an integer of at least 1.");
  });
});
