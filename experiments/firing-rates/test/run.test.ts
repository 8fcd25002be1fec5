import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NetworkRates, namesOf } from "../src/measure.js";

const mainOf = (url: string) => fileURLToPath(new URL(url, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sew-firing-rates-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const node = (main: string, ...options: string[]) =>
  spawnSync(process.execPath, [main, ...options], { cwd: folder, encoding: "utf8" });
const rates = (...options: string[]) => node(mainOf("../dist/src/main.js"), ...options);

/** Two runs of an epoch, on images of two colours. */
beforeAll(async () => {
  for (const split of ["train", "test"]) {
    for (const [i, name] of ["blue", "red"].entries()) {
      mkdirSync(join(folder, "data", split, name), { recursive: true });
      const background = { r: 255 * i, g: 40, b: 255 * (1 - i) };
      const image = sharp({ create: { width: 32, height: 32, channels: 3, background } });
      await image.png().toFile(join(folder, "data", split, name, "0.png"));
    }
  }
  for (const block of ["sew-add", "spiking"]) {
    const options = ["--compare", "none", "--data", "data", "--blocks", "4", "--epochs", "1", "--batch", "2"];
    const degradation = mainOf("../../degradation/dist/src/main.js");
    expect(node(degradation, ...options, "--block", block, "--out", block)).toMatchObject({ status: 0 });
  }
});

describe("pnpm experiment firing-rates", () => {
  it("draws the rates of runs over their blocks and over their epochs", () => {
    expect(rates("sew-add", "spiking", "./sew-add", "--samples", "8", "--out", "rates")).toMatchObject({
      status: 0,
      stderr: expect.stringContaining("report: rates/report.html\n"),
    });
    const networks = JSON.parse(readFileSync(join(folder, "rates/rates.json"), "utf8"));
    // A run that is named twice counts once.
    expect(networks).toHaveLength(2);
    expect(networks).toMatchObject([
      { run: "sew-add", experiment: "degradation", block: "sew-add", samples: 2, evaluatedOn: "test" },
      { run: "spiking", block: "spiking" },
    ]);
    const table = readFileSync(join(folder, "rates/rates.csv"), "utf8").split("\n");
    expect(table.map((row) => row.split(",")[0])).toEqual([
      "network",
      ...Array(4).fill("SEW ADD"),
      ...Array(4).fill("Spiking"),
      "",
    ]);
    const [add, spiking] = networks.map(({ firingRates }: NetworkRates) => Object.values(firingRates));
    expect([add.length, spiking.length]).toEqual([4, 4]);
    for (const { residual } of add) expect(residual).toBeGreaterThanOrEqual(0);
    for (const block of spiking) expect(block).not.toHaveProperty("residual");
    expect(networks[0].history[0].firingRates).toHaveProperty(["stage1.block0"]);
    const page = readFileSync(join(folder, "rates/report.html"), "utf8");
    for (const text of ["SEW ADD, over the epochs", "Spiking, over the epochs", "Firing rate of Aˡ"]) {
      expect(page).toContain(text);
    }
    expect(readFileSync(join(folder, "rates/rates.svg"), "utf8")).toContain("Firing rate of Oˡ");
  });

  it("measures weights by themselves, with the options of their experiment", () => {
    const options = ["--data", "data", "--blocks", "4", "--weights", "sew-add/last.safetensors"];
    expect(rates("--experiment", "degradation", "--out", "alone", ...options)).toMatchObject({ status: 0 });
    const [alone] = JSON.parse(readFileSync(join(folder, "alone/rates.json"), "utf8"));
    expect(alone).toMatchObject({ weights: "sew-add/last.safetensors", notation: "4 sew-add blocks in two stages" });
    expect(alone).not.toHaveProperty("run");
  });

  it("replaces no report, and refuses what is no run", () => {
    const error = (...options: string[]) => {
      const { status, stderr } = rates(...options);
      return [status, stderr.split("\n").at(-2)];
    };
    expect(error("sew-add", "--out", "rates")).toEqual([
      1,
      "error: --out: rates holds a report already; --overwrite replaces it, --out names another folder",
    ]);
    for (const options of [[], ["--overwrite"]]) {
      expect(error("sew-add", "--out", "spiking", ...options)).toEqual([
        1,
        "error: --out: spiking must hold no run, got config.json; name another folder",
      ]);
    }
    expect(error("data", "--out", "new")).toEqual([
      1,
      "error: firing-rates: RUN must be the folder of a run, got data, which has no config.json of one",
    ]);
    expect(error("--experiment", "degradatoin", "--out", "new")).toEqual([
      1,
      expect.stringMatching(/got "degradatoin"; did you mean degradation\?$/),
    ]);
    expect(error("sew-add", "--out", "new", "--weights", "none.safetensors")).toEqual([
      1,
      "error: firing-rates: sew-add cannot be measured: its process ended with 1",
    ]);
  });

  it("says why a run has no weights yet", () => {
    cpSync(join(folder, "spiking"), join(folder, "young"), { recursive: true });
    for (const file of ["best.safetensors", "numbers.json"]) rmSync(join(folder, "young", file));
    const reason = () => rates("young", "--out", "new").stderr.split("\n").at(-3);
    const text = "error: --evaluate: young must hold a run that has finished an epoch, got no best.safetensors";
    expect(reason()).toBe(`${text}; name weights by --weights`);
    const diverged = "training: loss must be finite, got NaN in step 3 (all from 0); lower the rate";
    writeFileSync(join(folder, "young", "numbers.json"), JSON.stringify({ diverged }));
    expect(reason()).toBe(
      `${text}; it diverged, training: loss must be finite, got NaN in step 3 (all from 0); name weights by --weights`,
    );
  });

  it("refuses a command line without a network, and an experiment beside runs, with status 2", () => {
    expect(rates()).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("error: name the folder of a run, or --experiment and --weights\n"),
    });
    expect(rates("sew-add", "--experiment", "degradation")).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("error: --experiment has no effect with RUN, whose config.json names it\n"),
    });
  });
});

describe("the names of networks", () => {
  const network = (block: string, notation: string, run: string) => ({ block, notation, run }) as NetworkRates;

  it("are their blocks, and what sets apart those with one", () => {
    expect(namesOf([network("sew-add", "n", "a"), network("spiking", "n", "b"), network("td-bn", "n", "c")])).toEqual([
      "SEW ADD",
      "Spiking",
      "td-bn",
    ]);
    expect(namesOf([network("sew-add", "sew-add ResNet-18", "a"), network("sew-add", "ResNet-34", "b")])).toEqual([
      "SEW ADD, ResNet-18",
      "SEW ADD, ResNet-34",
    ]);
    expect(namesOf([network("plain", "n", "x/a"), network("plain", "n", "x/b")])).toEqual(["Plain, a", "Plain, b"]);
    expect(namesOf([network("plain", "n", "x/a"), network("plain", "n", "y/a")])).toEqual(["Plain, x/a", "Plain, y/a"]);
    expect(namesOf([network("plain", "n", "a"), network("plain", "n", "a")])).toEqual(["Plain, 1", "Plain, 2"]);
  });
});
