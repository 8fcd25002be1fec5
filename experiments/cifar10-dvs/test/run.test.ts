import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { countParameters, disposeModule } from "@sew/layers";
import { network } from "@sew/models";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cifar10Dvs } from "../src/cifar10Dvs.js";

const main = fileURLToPath(new URL("../dist/src/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sew-cifar10-dvs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const classes = "airplane automobile bird cat deer dog frog horse ship truck".split(" ");

/** Ten recordings of each class, of 20 events along a line that differs from class to class. */
beforeAll(() => {
  for (const [label, name] of classes.entries()) {
    const dir = join(folder, "data", name);
    mkdirSync(dir, { recursive: true });
    for (let n = 0; n < 10; n++) {
      const events = Buffer.alloc(8 * 20);
      for (let i = 0; i < 20; i++) {
        events.writeUInt32BE(((12 * label) << 8) | ((6 * i) << 1) | (i & 1), 8 * i);
        events.writeUInt32BE(1000 * i + n, 8 * i + 4);
      }
      writeFileSync(join(dir, `cifar10_${name}_${n}.aedat`), Buffer.concat([Buffer.from("#!AER-DAT2.0\r\n"), events]));
    }
  }
});

describe("pnpm experiment cifar10-dvs", () => {
  it("trains on nine tenths of the recordings, and tests on the rest", () => {
    const [out, json] = [join(folder, "run"), join(folder, "run.json")];
    const data = ["--data", join(folder, "data"), "--cache", join(folder, "cache"), "--frames", "2"];
    const small = ["--model", "c2k1-BN-PLIF-MPk16-FC10", "--epochs", "1"];
    execFileSync(process.execPath, [main, ...data, ...small, "--out", out, "--json", json], { stdio: "pipe" });
    expect(JSON.parse(readFileSync(json, "utf8"))).toMatchObject({ samples: 10, epochs: 1 });
    expect(JSON.parse(readFileSync(join(out, "config.json"), "utf8"))).toMatchObject({ split: "sew", batch: 16 });
  });

  it.each([
    ["has the paper's Wide-7B-Net", 3, 1_258_778],
    ["has that of the authors' code, 1.19 million parameters, as a preset", 1, 1_192_218],
  ])("%s", (_, stemKernel, parameters) => {
    const { presets } = cifar10Dvs.datasets["cifar10-dvs"]!;
    expect(presets!.code!({ dataset: "cifar10-dvs", block: "sew-add" })).toEqual({ stemKernel: 1 });
    const notation = cifar10Dvs.model({ stemKernel } as never, { classes } as never) as string;
    const model = network(notation, { height: 128, width: 128 });
    expect(countParameters(model)).toBe(parameters);
    disposeModule(model);
  });

  it("trains by the paper's recipe, with T = 4, 8 and 16 for Table 6", () => {
    const recipe = cifar10Dvs.datasets["cifar10-dvs"]!.recipe!;
    const chosen = { dataset: "cifar10-dvs", block: "sew-add" } as const;
    expect(recipe({ ...chosen, learningRate: 0.1 })).toMatchObject({
      learningRate: 0.1,
      neuronRate: expect.closeTo(0.05, 12),
    });
    expect(recipe(chosen)).toEqual({
      neuronRate: 0.5,
      frames: 16,
      epochs: 64,
      batch: 16,
      optimizer: "sgd",
      learningRate: 0.01,
      schedule: "cosine",
    });
    expect(cifar10Dvs.comparisons!.table6!.runs.map(({ options }) => options)).toEqual([
      ["--frames", "4"],
      ["--frames", "8"],
      ["--frames", "16"],
    ]);
  });
});
