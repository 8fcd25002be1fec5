import { disposeModule, linear, type Module, namedBuffers, namedParameters } from "@sew/layers";
import { type Batch, crossEntropy, crossEntropyPerStep, evaluate } from "@sew/training";
import { clone, memory, mul, scalar, type Tensor3D, tensor, tensor1d, tidy, variable } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { messageOf } from "./support.js";
import { tinyBatch, tinyData, tinyModel } from "./tinyRun.mjs";

/** A model whose output is its input. */
const echo: Module = { forward: (x) => clone(x) };

async function* given(...batches: Batch[]): AsyncGenerator<Batch> {
  yield* batches;
}

const batch = (scores: number[], classes: number, labels: number[]): Batch => ({
  x: Float32Array.from(scores),
  shape: [1, labels.length, classes],
  labels: Int32Array.from(labels),
});

describe("evaluate", () => {
  it("weighs every sample equally, whatever its batch", async () => {
    const result = await evaluate(echo, given(batch([3, 0, 3, 0, 0, 3], 2, [0, 1, 1]), batch([0, 3], 2, [0])));
    const [right, wrong] = [Math.log(1 + Math.exp(-3)), Math.log(1 + Math.exp(3))];
    expect(result.loss).toBeCloseTo((right + wrong + right + wrong) / 4, 6);
    expect(result).toMatchObject({
      samples: 4,
      top1: 0.5,
      confusion: [
        [1, 1],
        [1, 1],
      ],
    });
    expect(result).not.toHaveProperty("top5");
  });

  it("says top-5 where there are 5 classes or more", async () => {
    const result = await evaluate(echo, given(batch([6, 5, 4, 3, 2, 1, 6, 5, 4, 3, 2, 1], 6, [4, 5])));
    expect([result.top1, result.top5]).toEqual([0, 0.5]);
  });

  it("says what it predicts of each sample, in order, and the lower class of equal scores", async () => {
    const result = await evaluate(echo, given(batch([3, 0, 0, 3], 2, [0, 0]), batch([1, 1, 0, 2], 2, [1, 1])));
    expect(result.predictions).toEqual([0, 1, 0, 1]);
    expect(result).not.toHaveProperty("top1PerStep");
  });

  it("says top-1 after each time-step: that of the mean of the outputs up to there", async () => {
    const steps = (...samples: readonly (readonly number[])[]): Batch => ({
      // Scores of two classes by sample; each sample has T differences between them.
      x: Float32Array.from(samples[0]!.flatMap((_, t) => samples.flatMap((differences) => [differences[t]!, 0]))),
      shape: [samples[0]!.length, samples.length, 2],
      labels: new Int32Array(samples.length),
    });
    const result = await evaluate(echo, given(steps([-1, 3, -1], [1, -3, 1]), steps([-5, 1, 1])));
    expect(result.top1PerStep).toEqual([1 / 3, 1 / 3, 1 / 3]);
    expect(result.top1).toBe(1 / 3);
    const other = await evaluate(echo, given(steps([-1, 3, -5], [1, -3, 9])));
    expect(other.top1PerStep).toEqual([0.5, 0.5, 0.5]);
    const rising = await evaluate(echo, given(steps([-1, 0.5, 1], [-1, 2, 1], [1, 1, 1])));
    expect(rising.top1PerStep).toEqual([1 / 3, 2 / 3, 1]);
    const differing = await evaluate(echo, given(steps([1, 1]), steps([1, 1, 1])));
    expect(differing).not.toHaveProperty("top1PerStep");
  });

  it("runs in evaluation: changes no buffer and leaves no tensor", async () => {
    const model = tinyModel();
    const first = await evaluate(model, tinyData.test.epoch());
    const before = memory().numTensors;
    const seen: number[] = [];
    expect(await evaluate(model, tinyData.test.epoch(), { onBatch: ({ samples }) => seen.push(samples) })).toEqual(
      first,
    );
    expect(memory().numTensors).toBe(before);
    expect(seen).toEqual([4, 8]);
    const { x, shape, labels } = tinyBatch(1_000_000);
    const loss = tidy(() => {
      const logits = model.forward(tensor(x, [...shape]), { training: false }) as Tensor3D;
      return crossEntropy(logits, tensor1d(labels, "int32")).dataSync()[0];
    });
    expect((await evaluate(model, given({ x, shape, labels }))).loss).toBe(loss);
    disposeModule(model);
  });

  it("refuses no data, batches that do not fit, and a loss that is not finite", async () => {
    const model = linear(2, 3);
    expect(await messageOf(evaluate(model, given()))).toBe("evaluate: batches must hold at least 1 sample, got none");
    expect(await messageOf(evaluate(model, given({ ...batch([1, 2], 2, [0]), shape: [1, 1, 3] })))).toBe(
      "evaluate: x must have 3 values for its shape [1,1,3], got 2 in the batch, batch 0 (from 0)",
    );
    expect(await messageOf(evaluate(model, given({ ...batch([1, 2], 2, [0]), labels: Int32Array.of(0, 1) })))).toBe(
      "evaluate: labels must have one value for each of N = 1, got 2 in the batch, batch 0 (from 0)",
    );
    expect(await messageOf(evaluate(model, given(batch([1, 2], 2, [3]))))).toBe(
      "evaluate: labels must be from 0 to 2 for [1,1,3], got 3 in the batch, batch 0 (from 0)",
    );
    expect(await messageOf(evaluate({ forward: () => scalar(1) }, given(batch([1, 2], 2, [0]))))).toBe(
      "evaluate: the model's output must be [T, 1, classes], got []",
    );
    const named = { ...batch([0, 1, Number.NaN, 2], 2, [0, 0]), names: ["one", "two"] };
    expect(await messageOf(evaluate(model, given(named)))).toBe(
      "evaluate: x must be finite, got NaN in sample 1 (two) of the batch, batch 0 (from 0); repair or remove that sample " +
        "of the data",
    );
    expect(await messageOf(evaluate({ forward: (x) => mul(x, Number.NaN) }, given(batch([1, 2], 2, [0]))))).toBe(
      "evaluate: loss must be finite, got NaN at batch 0 (from 0); the weights are too large or not finite: lower the " +
        "learning rate, or load another checkpoint",
    );
    disposeModule(model);
  });

  it.each([
    ["a parameter", namedParameters],
    ["a running statistic", namedBuffers],
  ])("reports no accuracy where %s is NaN", async (_, kind) => {
    const model = tinyModel();
    const [key, weight] = [...kind(model)][0]!;
    tidy(() => weight.assign(mul(weight, Number.NaN)));
    const before = memory().numTensors;
    expect(await messageOf(evaluate(model, tinyData.test.epoch()))).toBe(
      `evaluate: weights must be finite, got NaN in ${key}; load an earlier checkpoint, or start again with a lower ` +
        "learning rate",
    );
    expect(memory().numTensors).toBe(before);
    disposeModule(model);
  });

  it("refuses an empty batch", async () => {
    expect(await messageOf(evaluate(echo, given({ ...batch([], 2, []), shape: [1, 0, 2] })))).toBe(
      "evaluate: shape must be [T, N, ...] of integers of at least 1, got [1,0,2] in the batch, batch 0 (from 0)",
    );
  });

  it("has the loss that it is given", async () => {
    const one = { ...batch([3, 0, 0, 1], 2, [0]), shape: [2, 1, 2] };
    const { loss } = await evaluate(echo, given(one), { loss: crossEntropyPerStep });
    expect(loss).toBeCloseTo((Math.log(1 + Math.exp(-3)) + Math.log(1 + Math.E)) / 2, 6);
  });

  it("does not dispose what is not its own", async () => {
    const w = variable(scalar(1));
    await evaluate({ forward: (x) => mul(x, w) }, given(batch([1, 2], 2, [0])));
    expect(w.isDisposed).toBe(false);
    w.dispose();
  });
});
