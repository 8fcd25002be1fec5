import { disposeModule, namedParameters } from "@sew/layers";
import { sgd, trainStep } from "@sew/training";
import { memory } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { tinyBatch, tinyModel } from "./tinyRun.mjs";

describe("trainStep", () => {
  it("leaves the number of tensors and bytes as it was, step after step", async () => {
    const model = tinyModel();
    const optimizer = sgd(model);
    optimizer.setLearningRate(0.05);
    await trainStep(model, optimizer, tinyBatch(0), 0);
    const { numTensors, numBytes } = memory();
    for (let i = 1; i < 5; i++) {
      await trainStep(model, optimizer, tinyBatch(i), i);
      expect(memory()).toMatchObject({ numTensors, numBytes });
    }
    optimizer.dispose();
    disposeModule(model);
  });

  it("learns a batch by heart", async () => {
    const model = tinyModel();
    const optimizer = sgd(model);
    optimizer.setLearningRate(0.1);
    const losses: number[] = [];
    for (let i = 0; i < 40; i++) losses.push((await trainStep(model, optimizer, tinyBatch(5), i)).loss);
    expect(Math.min(...losses.slice(-10))).toBeLessThan(losses[0]! / 2);
    optimizer.dispose();
    disposeModule(model);
  });

  it("depends on its seed alone for what is random", async () => {
    const results: unknown[] = [];
    for (const seed of [1, 1, 2]) {
      const model = tinyModel();
      const optimizer = sgd(model);
      optimizer.setLearningRate(0.1);
      await trainStep(model, optimizer, tinyBatch(0), seed);
      results.push([...namedParameters(model).values()].map((p) => [...p.dataSync()]));
      optimizer.dispose();
      disposeModule(model);
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).not.toEqual(results[0]);
  });
});
