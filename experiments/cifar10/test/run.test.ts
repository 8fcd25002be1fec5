import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkData } from "@sew/datasets";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cifar } from "../src/cifar.js";

const main = fileURLToPath(new URL("../dist/src/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sew-cifar10-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  for (const split of ["train", "test"]) {
    for (const [i, name] of ["blue", "red"].entries()) {
      const dir = join(folder, "data", split, name);
      mkdirSync(dir, { recursive: true });
      const background = { r: 255 * i, g: 0, b: 255 * (1 - i) };
      await sharp({ create: { width: 32, height: 32, channels: 3, background } })
        .png()
        .toFile(join(dir, "0.png"));
    }
  }
});

function train(name: string, ...options: string[]): Record<string, unknown> {
  const [out, json] = [join(folder, name), join(folder, `${name}.json`)];
  const data = ["--dataset", "cifar10-images", "--data", join(folder, "data"), "--cache", join(folder, "cache")];
  const fixed = ["--compare", "none", ...data, "--batch", "2", "--epochs", "1", "--steps", "2"];
  execFileSync(process.execPath, [main, ...fixed, "--out", out, "--json", json, ...options], { stdio: "pipe" });
  return JSON.parse(readFileSync(json, "utf8"));
}

describe("pnpm experiment cifar10", () => {
  it("trains the net of appendix A.5", () =>
    expect(train("sew", "--surrogate", "rectangular")).toMatchObject({
      notation: "c32k3s1-BN-IF-{{SEW ADD Block(c32)}*2-MPk2s2}*5-FC2",
      parameters: 3 * 9 * 32 + 64 + 10 * 2 * (9 * 32 * 32 + 64) + 32 * 2 + 2,
    }));

  it("trains Spiking blocks whose last neurons pass gradients of 1, and no others", () => {
    expect(train("unit", "--unit-gradient")).toMatchObject({
      block: "spiking",
      notation: "c32k3s1-BN-IF-{{Spiking Block(c32)}*2-MPk2s2}*5-FC2, last neurons of gradient 1",
    });
    const { neurons } = JSON.parse(readFileSync(join(folder, "unit", "config.json"), "utf8"));
    expect(neurons).toEqual([
      { neuron: "if", surrogate: "atan", layers: 11, parameters: {} },
      { neuron: "if", surrogate: "scaledAtan", layers: 10, parameters: { vThreshold: 0.5 } },
    ]);
    const refused = [
      [["--block", "ann"], "--block must be spiking with --unit-gradient, got ann"],
      [["--neuron", "plif"], "--neuron must be if with --unit-gradient, got plif"],
      [["--surrogate", "constant"], "--surrogate has no effect with --unit-gradient"],
    ] as const;
    for (const [options, message] of refused) {
      expect(() => train("never", "--unit-gradient", ...options)).toThrow(message);
    }
  });

  it("opens CIFAR-10 and CIFAR-100, and says where each lacks its files", async () => {
    const says = async (name: string) => {
      const settings = { data: folder } as Parameters<NonNullable<(typeof cifar.datasets)[string]["checked"]>>[0];
      const { problems } = await checkData(await cifar.datasets[name]!.checked!(settings));
      return problems.map(({ message }) => message.split(", got ")[0]);
    };
    expect([await says("cifar10"), await says("cifar100")]).toEqual([
      ["cifar10: dir must hold data_batch_1.bin, data_batch_2.bin, data_batch_3.bin and 3 more"],
      ["cifar100: dir must hold train.bin, test.bin"],
    ]);
  });

  it("compares the six cells of Table 9", () =>
    expect(cifar.comparisons!.table9!.runs.map(({ name }) => name)).toEqual([
      "SEW ADD, ArcTan",
      "SEW ADD, Rectangular",
      "SEW ADD, Constant 1",
      "Spiking, ArcTan",
      "Spiking, Rectangular",
      "Spiking, Constant 1",
    ]));
});
