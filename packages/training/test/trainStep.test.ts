import { disposeModule, namedBuffers, namedParameters } from "@sew/layers";
import { network } from "@sew/models";
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

  it("changes a network that recomputes as any other, bit for bit", async () => {
    const steps = async (recompute: boolean) => {
      const model = network("c4k3-BN-PLIF-{SEW(c4)-MPk2s2}*2-DP-FC3", { height: 8, width: 8, recompute });
      const optimizer = sgd(model);
      optimizer.setLearningRate(0.1);
      const results: unknown[] = [];
      for (let i = 0; i < 4; i++) {
        const x = Float32Array.from({ length: 3 * 2 * 8 * 8 * 2 }, (_, j) => Math.round(Math.sin(i + 7 * j) ** 2));
        const batch = { x, shape: [3, 2, 8, 8, 2], labels: Int32Array.of(i % 3, 1) };
        results.push(await trainStep(model, optimizer, batch, i));
      }
      for (const values of [namedParameters(model), namedBuffers(model)]) {
        results.push([...values].map(([name, value]) => [name, [...value.dataSync()]]));
      }
      optimizer.dispose();
      disposeModule(model);
      return results;
    };
    expect(await steps(true)).toEqual(await steps(false));
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
