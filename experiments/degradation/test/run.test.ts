import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { familyOf } from "@sew/experiment";
import { disposeModule, evaluation, namedModules, run } from "@sew/layers";
import { zeros } from "@tensorflow/tfjs-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { degradation } from "../src/degradation.js";
import { twoStages } from "../src/network.js";

const main = fileURLToPath(new URL("../dist/src/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sew-degradation-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Images of two colours, two of each for training and one for the test. */
beforeAll(async () => {
  for (const [split, count] of [["train", 2] as const, ["test", 1] as const]) {
    for (const [i, name] of ["blue", "red"].entries()) {
      const dir = join(folder, "data", split, name);
      mkdirSync(dir, { recursive: true });
      for (let n = 0; n < count; n++) {
        const background = { r: 255 * i, g: 40 * n, b: 255 * (1 - i) };
        await sharp({ create: { width: 32, height: 32, channels: 3, background } })
          .png()
          .toFile(join(dir, `${n}.png`));
      }
    }
  }
});

function train(...options: string[]): string {
  const fixed = ["--data", join(folder, "data"), "--cache", join(folder, "cache"), "--batch", "2", "--epochs", "1"];
  return execFileSync(process.execPath, [main, ...fixed, ...options], { encoding: "utf8", stdio: "pipe" });
}

describe("pnpm experiment degradation", () => {
  it("trains one network, and measures the gradients of its blocks at the start", () => {
    const json = join(folder, "one.json");
    train("--compare", "none", "--blocks", "4", "--out", join(folder, "one"), "--json", json);
    const { notation, measures } = JSON.parse(readFileSync(json, "utf8"));
    expect(notation).toBe("4 sew-add blocks in two stages");
    // Blocks that start as identities, two in each stage.
    const [a, b, c, d] = measures.gradientNorms;
    expect(measures.gradientNorms).toHaveLength(4);
    expect([a, c]).toEqual([expect.closeTo(b, 5), expect.closeTo(d, 5)]);
  });

  it("measures no gradients of a network of --model", () => {
    const json = join(folder, "other.json");
    const options = ["--compare", "none", "--model", "c2k3s2-BN-IF-MPk16-FC2"];
    train(...options, "--out", join(folder, "other"), "--json", json);
    expect(JSON.parse(readFileSync(json, "utf8")).measures).toEqual({});
    expect(() => train(...options, "--blocks", "4", "--out", join(folder, "odd"))).toThrow(
      "--blocks has no effect with --model",
    );
  });

  it("refuses an odd number of blocks", () =>
    expect(() => train("--compare", "none", "--blocks", "3", "--out", join(folder, "odd"))).toThrow(
      "--blocks: it must be an even number, got 3",
    ));

  it("compares five families at four depths with three seeds", () => {
    const { runs, seeds } = degradation.comparisons!.depth!;
    expect([runs.length, seeds]).toEqual([20, [0, 1, 2]]);
    expect(runs[7]).toEqual({ name: "SEW IAND, 36 blocks", options: ["--block", "sew-iand", "--blocks", "36"] });
  });

  it("claims that SEW improves with depth and Spiking and Plain get worse, from losses alone", () => {
    const { runs, claims } = degradation.comparisons!.depth!;
    const results = (loss: (name: string, blocks: number) => number) =>
      runs.map((each) => {
        const [, name = "", blocks = ""] = /^(.+), (\d+) blocks$/.exec(each.name)!;
        const runOf = (seed: number) => {
          const history = [{ trainLoss: loss(name, Number(blocks)) + 0.01 * seed }];
          return { seed, history: history as never, measures: {} };
        };
        return { ...each, diverged: [], runs: [0, 1, 2].map(runOf) };
      });
    const sign = (name: string) => (["Spiking", "Plain"].includes(name) ? 1 : -1);
    const as = (slope: number) =>
      claims!(results((name, n) => 2 + slope * sign(name) * n + (name === "SEW IAND" ? 0.1 : 0)));
    expect(as(0.02).map(({ holds }) => holds)).toEqual(new Array(7).fill(true));
    expect(as(0.0001).map(({ holds }) => holds)).toEqual([false, false, false, false, false, true, false]);
    expect(as(0.02)[0]!.text).toContain(
      "SEW ADD, 36 blocks (1.29 ± 0.01) is below that of SEW ADD, 2 blocks (1.97 ± 0.01)",
    );
  });
});

describe("the network of two stages", () => {
  it.each([2, 8])("has %i blocks, half of them with 16 channels, and sees an image at every step", (blocks) => {
    const settings = { block: "sew-add" } as const;
    const options = { blocks, inChannels: 3, classes: 5, steps: 3, zeroInit: true, seed: 1 };
    const model = twoStages(familyOf(settings), options);
    const names = [...namedModules(model)].map(([name]) => name).filter((name) => /^stage\d\.block\d+$/.test(name));
    expect(names).toEqual([1, 2].flatMap((s) => Array.from({ length: blocks / 2 }, (_, i) => `stage${s}.block${i}`)));
    const x = zeros([1, 2, 32, 32, 3]);
    const y = run(model, x, evaluation);
    expect(y.shape).toEqual([3, 2, 5]);
    for (const tensor of [x, y]) tensor.dispose();
    disposeModule(model);
  });
});
