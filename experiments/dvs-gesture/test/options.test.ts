import { KernelBackend, registerBackend } from "@tensorflow/tfjs-core";
import { InvalidArgumentError } from "commander";
import { describe, expect, it } from "vitest";
import { integer, oneOf, parseOptions } from "../src/options.js";
import { blocks, recipe, scheduleOf } from "../src/recipes.js";

describe("the recipes", () => {
  it("for dvs-gesture are those of Tables 7 and 8", () => {
    const rates = Object.fromEntries(blocks.map((block) => [block, recipe("dvs-gesture", block).lr]));
    expect(rates).toEqual({ "sew-add": 0.001, "sew-and": 0.03, "sew-iand": 0.063, spiking: 0.1, plain: 0.005 });
    const settings = recipe("dvs-gesture", "sew-add");
    expect(settings).toMatchObject({ blocks: 7, frames: 16, trainFrames: 12, by: "count", batch: 16, epochs: 192 });
    const rate = scheduleOf(settings);
    expect([0, 63, 64, 128, 191].map(rate)).toEqual(
      [0.001, 0.001, 0.0001, 0.00001, 0.00001].map((x) => expect.closeTo(x, 12)),
    );
  });
});

describe("the options", () => {
  it("take what is not given from the recipe", () => {
    const given = parseOptions(["--dataset", "n-mnist", "--data", "there", "--lr", "0.01"]);
    expect(given).toEqual({
      ...recipe("n-mnist", "sew-add"),
      ...{ dataset: "n-mnist", block: "sew-add", data: "there", cache: "runs/cache", backend: "native", lr: 0.01 },
      ...{ out: "runs/dvs-gesture/n-mnist-sew-add", seed: 0, workers: 1, lenientLabels: false },
      ...{ recompute: false, resume: false },
    });
  });

  it("keep all frames when fewer are asked for than the recipe keeps", () => {
    const { frames, trainFrames } = parseOptions(["--data", "there", "--frames", "8"]);
    expect([frames, trainFrames]).toEqual([8, 8]);
  });

  it("leave the precision to the environment unless it is given", () => {
    expect(parseOptions(["--data", "there"])).not.toHaveProperty("precision");
    expect(parseOptions(["--data", "there", "--precision", "bf16"]).precision).toBe("bf16");
  });

  it("take a backend that is registered with TensorFlow.js, besides ours", () => {
    registerBackend("mine", () => new KernelBackend());
    for (const backend of ["mine", "webgpu"]) {
      expect(parseOptions(["--data", "there", "--backend", backend]).backend).toBe(backend);
    }
  });

  it("can fix or free the time constant", () => {
    expect(parseOptions(["--data", "there", "--no-learn-tau"]).learnTau).toBe(false);
    expect(parseOptions(["--dataset", "synthetic", "--learn-tau"]).learnTau).toBe(true);
  });

  it.each([
    ["sew-ad", "It must be one of sew-add, plain. Did you mean sew-add?"],
    ["something", "It must be one of sew-add, plain."],
  ])("suggest the nearest word for %s", (text, message) =>
    expect(() => oneOf(["sew-add", "plain"])(text)).toThrow(new InvalidArgumentError(message)),
  );

  it.each(["0", "1.5", "", "x", "1e999"])("refuse %j as a count", (text) =>
    expect(() => integer(1)(text)).toThrow(new InvalidArgumentError("It must be an integer of at least 1.")),
  );
});
