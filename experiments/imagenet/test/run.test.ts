import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { imagenet } from "../src/imagenet.js";

const main = fileURLToPath(new URL("../dist/src/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sew-imagenet-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  for (const split of ["train", "val"]) {
    for (const [i, name] of ["n01440764", "n01443537"].entries()) {
      const dir = join(folder, "data", split, name);
      mkdirSync(dir, { recursive: true });
      const background = { r: 255 * i, g: 0, b: 255 * (1 - i) };
      const image = sharp({ create: { width: 260, height: 300, channels: 3, background } });
      await image.jpeg().toFile(join(dir, "0.JPEG"));
    }
  }
});

function train(name: string, ...options: string[]): Record<string, unknown> {
  const [out, json] = [join(folder, name), join(folder, `${name}.json`)];
  const fixed = ["--data", join(folder, "data"), "--cache", join(folder, "cache"), "--epochs", "1", "--steps", "2"];
  execFileSync(process.execPath, [main, ...fixed, "--out", out, "--json", json, ...options], { stdio: "pipe" });
  return { ...JSON.parse(readFileSync(json, "utf8")), ...JSON.parse(readFileSync(join(out, "config.json"), "utf8")) };
}

describe("pnpm experiment imagenet", () => {
  it("trains by the paper's recipe, Spiking ResNets from blocks that copy", () => {
    const recipe = imagenet.datasets.imagenet!.recipe!;
    const chosen = { dataset: "imagenet" } as const;
    const sew = recipe({ ...chosen, block: "sew-add" });
    expect(sew).toEqual({
      epochs: 320,
      batch: 32,
      accumulate: 8,
      optimizer: "sgd",
      learningRate: 0.1,
      schedule: "cosine",
      steps: 4,
      precision: "bf16",
      zeroInit: false,
    });
    expect(recipe({ ...chosen, block: "spiking" })).toEqual({ ...sew, zeroInit: true });
  });

  it("trains on random crops and tests on central ones", () =>
    expect(train("random", "--batch", "2", "--accumulate", "1")).toMatchObject({
      notation: "sew-add ResNet-18",
      samples: 2,
      epochs: 1,
    }));

  it("learns images by heart in any depth and family", () =>
    expect(
      train("overfit", "--dataset", "overfit", "--depth", "50", "--block", "spiking", "--batch", "2"),
    ).toMatchObject({
      notation: "spiking ResNet-50",
      zeroInit: true,
      samples: 2,
    }));

  it("checks the one split that is learned by heart, which may be the other one's copy", () => {
    const check = (...options: string[]) =>
      spawnSync(process.execPath, [
        main,
        "--check-data",
        join(folder, "data"),
        "--out",
        join(folder, "check"),
        ...options,
      ]).status;
    expect([check("--dataset", "overfit"), check()]).toEqual([0, 1]);
  });

  it("sees an image once with blocks that have no time, unless --steps says otherwise", () => {
    const chosen = { dataset: "overfit", block: "ann" } as const;
    expect(imagenet.datasets.overfit!.recipe!(chosen)).toMatchObject({ steps: 1 });
    expect(imagenet.datasets.imagenet!.recipe!(chosen)).toMatchObject({ steps: 1 });
  });

  it("compares the ten networks of Table 2", () =>
    expect(imagenet.comparisons!.table2!.runs.map(({ name }) => name)).toEqual([
      ...[18, 34, 50, 101, 152].map((depth) => `SEW ResNet-${depth}`),
      ...[18, 34, 50, 101, 152].map((depth) => `Spiking ResNet-${depth}`),
    ]));
});
