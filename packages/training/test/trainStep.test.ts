import { disposeModule, linear, type Module, namedBuffers, namedParameters } from "@sew/layers";
import { network } from "@sew/models";
import {
  adam,
  type Batch,
  chain,
  clipByGlobalNorm,
  Diverged,
  momentum,
  type Optimizer,
  optimizer as optimizerOf,
  type TrainStepOptions,
  type Transform,
  trainStep,
} from "@sew/training";
import {
  add,
  dispose,
  engine,
  fill,
  mean,
  memory,
  mul,
  type NamedTensorMap,
  type Scalar,
  scalar,
  sqrt,
  square,
  sub,
  sum,
  type Tensor3D,
  tensor1d,
  tidy,
  variable,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { messageOf } from "./support.js";
import { tinyBatch, tinyModel } from "./tinyRun.mjs";

const shared = network("c2-BN-PLIF-SEW-MPk2-FC2", { height: 4, width: 4, seed: 3 });

const another = optimizerOf(tinyModel(), momentum());

/** One step of the shared model. */
async function step(
  batch: Batch | Iterable<Batch>,
  options: Partial<TrainStepOptions> = {},
  given?: Optimizer,
  transform: Transform = momentum(),
): Promise<unknown> {
  const optimizer = given ?? optimizerOf(shared, transform);
  try {
    return await trainStep(shared, optimizer, batch, { learningRate: 0.1, seed: 0, ...options });
  } finally {
    if (given === undefined) optimizer.dispose();
  }
}

function broken(..._: unknown[]): never {
  throw new Error("broken");
}

describe("trainStep", () => {
  it("leaves the number of tensors and bytes as it was, step after step", async () => {
    const model = tinyModel();
    const optimizer = optimizerOf(model, momentum());
    await trainStep(model, optimizer, tinyBatch(0), { learningRate: 0.05, seed: 0 });
    const { numTensors, numBytes } = memory();
    for (let i = 1; i < 5; i++) {
      await trainStep(model, optimizer, tinyBatch(i), { learningRate: 0.05, seed: i });
      expect(memory()).toMatchObject({ numTensors, numBytes });
    }
    optimizer.dispose();
    disposeModule(model);
  });

  it("changes a network that recomputes as any other, bit for bit", async () => {
    const steps = async (recompute: boolean) => {
      const model = network("c4k3-BN-PLIF-{SEW(c4)-MPk2s2}*2-DP-FC3", { height: 8, width: 8, recompute });
      const optimizer = optimizerOf(model, momentum());
      const results: unknown[] = [];
      for (let i = 0; i < 4; i++) {
        const x = Float32Array.from({ length: 3 * 2 * 8 * 8 * 2 }, (_, j) => Math.round(Math.sin(i + 7 * j) ** 2));
        const batch = { x, shape: [3, 2, 8, 8, 2], labels: Int32Array.of(i % 3, 1) };
        results.push(await trainStep(model, optimizer, batch, { learningRate: 0.1, seed: i }));
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
    const optimizer = optimizerOf(model, momentum());
    const losses: number[] = [];
    for (let i = 0; i < 40; i++)
      losses.push((await trainStep(model, optimizer, tinyBatch(5), { learningRate: 0.1, seed: i })).loss);
    expect(Math.min(...losses.slice(-10))).toBeLessThan(losses[0]! / 2);
    optimizer.dispose();
    disposeModule(model);
  });

  it("depends on its seed alone for what is random", async () => {
    const results: unknown[] = [];
    for (const seed of [1, 1, 2]) {
      const model = tinyModel();
      const optimizer = optimizerOf(model, momentum());
      await trainStep(model, optimizer, tinyBatch(0), { learningRate: 0.1, seed });
      results.push([...namedParameters(model).values()].map((p) => [...p.dataSync()]));
      optimizer.dispose();
      disposeModule(model);
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).not.toEqual(results[0]);
  });

  /** A batch of linear data with two inputs and three classes. */
  const batchOf = (samples: number, from = 0): Batch => ({
    x: Float32Array.from({ length: 2 * samples }, (_, i) => Math.sin(i + 2 * from)),
    shape: [1, samples, 2],
    labels: Int32Array.from({ length: samples }, (_, i) => (i + from) % 3),
  });
  /** The weights of a linear model after one step, from the same ones each time. */
  async function stepped(
    batch: Batch | readonly Batch[],
    options = {},
  ): Promise<{ weights: number[]; result: object }> {
    const model: Module = linear(2, 3);
    for (const [i, p] of Object.values(model.parameters!).entries()) {
      tidy(() => p.assign(fill(p.shape, 0.25 * (i + 1))));
    }
    const optimizer = optimizerOf(model, momentum());
    const result = await trainStep(model, optimizer, batch, { learningRate: 0.5, seed: 0, ...options });
    const weights = Object.values(model.parameters!).flatMap((p) => [...p.dataSync()]);
    optimizer.dispose();
    disposeModule(model);
    return { weights, result };
  }

  it("of several batches is that of one batch with all their samples, whatever their sizes", () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }), async (sizes) => {
        const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0));
        const parts = await stepped(sizes.map((size, i) => batchOf(size, starts[i])));
        const samples = sizes.reduce((a, b) => a + b, 0);
        const whole = await stepped(batchOf(samples));
        expect(parts.weights).toEqual(whole.weights.map((w) => expect.closeTo(w, 5)));
        const { loss, correct } = whole.result as { loss: number; correct: number };
        expect(parts.result).toEqual({ loss: expect.closeTo(loss, 5), correct, samples, batches: sizes.length });
      }),
      { numRuns: 20 },
    ));

  it("of a batch k times is that of the batch", async () => {
    const once = await stepped(batchOf(4));
    for (const k of [2, 4]) {
      expect((await stepped(new Array(k).fill(batchOf(4)))).weights).toEqual(once.weights);
    }
  });

  it("pulls a batch after the one before it is done", async () => {
    const tensors: number[] = [];
    function* batches() {
      for (let i = 0; i < 3; i++) {
        tensors.push(memory().numTensors);
        yield batchOf(2, i);
      }
    }
    await stepped(batches() as Iterable<Batch> as readonly Batch[]);
    // From the second on there are the gradients of two parameters and an output for each batch done.
    expect(tensors.map((n) => n - tensors[0]!)).toEqual([0, 3, 4]);
  });

  it("hands the gradients by full name to reduce, and updates by what it returns", async () => {
    const seen: string[] = [];
    const reduce = async (gradients: NamedTensorMap) => {
      seen.push(...Object.keys(gradients));
      return Object.fromEntries(Object.entries(gradients).map(([name, g]) => [name, mul(g, 2)]));
    };
    const before = memory().numTensors;
    const { weights } = await stepped(batchOf(4), { reduce });
    expect(memory().numTensors).toBe(before);
    expect(seen).toEqual(["weight", "bias"]);
    expect(weights).toEqual((await stepped(batchOf(4), { learningRate: 1 })).weights);
    expect((await stepped(batchOf(4), { reduce: (gradients: NamedTensorMap) => gradients })).weights).toEqual(
      (await stepped(batchOf(4))).weights,
    );
  });

  it("minimises the loss that it is given", async () => {
    const loss = (logits: Tensor3D): Scalar => mean(square(sub(logits, 7))) as Scalar;
    const { result } = await stepped(batchOf(1), { loss });
    const smaller = await stepped(batchOf(1), { loss: (logits: Tensor3D) => mul(loss(logits), 0) });
    expect(smaller.result).toMatchObject({ loss: 0 });
    expect((result as { loss: number }).loss).toBeGreaterThan(0);
    expect(smaller.weights).toEqual([...new Array(6).fill(0.25), ...new Array(3).fill(0.5)]);
  });

  it("reads from the backend once, however many batches it has", async () => {
    const { backend } = engine();
    const read = vi.spyOn(backend, "read");
    await stepped([batchOf(2), batchOf(2), batchOf(1)]);
    expect(read.mock.calls.length).toBe(1);
    read.mockRestore();
  });

  it.each<[string, Partial<Batch> | undefined, string]>([
    [
      "a label out of range",
      { labels: Int32Array.of(0, 7) },
      "trainStep: labels must be from 0 to 1 for [2,2,2], got 7",
    ],
    [
      "NaN, which neurons hide from the loss",
      { x: Float32Array.from({ length: 64 * 2 }, (_, i) => (i === 100 ? Number.NaN : 1)), names: ["one", "two"] },
      "trainStep: x must be finite, got NaN in sample 1 (two) of the batch; repair or remove that sample of the data",
    ],
    [
      "infinity",
      { x: new Float32Array(64 * 2).fill(Number.NEGATIVE_INFINITY) },
      "trainStep: x must be finite, got -Infinity in sample 0 of the batch; repair or remove that sample of the data",
    ],
    ["no batch", undefined, "trainStep: batch must hold at least 1 batch, got none"],
  ])("refuses %s, and leaves no tensor", async (_, change, message) => {
    const model = network("c2-BN-PLIF-SEW-MPk2-FC2", { height: 4, width: 4, seed: 3 });
    const optimizer = optimizerOf(model, chain(clipByGlobalNorm(1), adam()));
    const batch = { x: new Float32Array(64 * 2), shape: [2, 2, 4, 4, 2], labels: Int32Array.of(0, 1), ...change };
    const before = memory().numTensors;
    const given = change === undefined ? [] : batch;
    expect(await messageOf(trainStep(model, optimizer, given, { learningRate: 1, seed: 0 }))).toBe(message);
    expect(memory().numTensors).toBe(before);
    optimizer.dispose();
    disposeModule(model);
  });

  it("leaves no tensor where the loss throws", async () => {
    const model = linear(2, 1);
    const optimizer = optimizerOf(model, momentum());
    const one = { x: Float32Array.of(1, 2), shape: [1, 1, 2], labels: Int32Array.of(0) };
    const before = memory().numTensors;
    expect(await messageOf(trainStep(model, optimizer, one, { learningRate: 1, seed: 0 }))).toBe(
      "crossEntropy: logits must have at least 2 classes, got 1 in [1,1,1]",
    );
    expect(memory().numTensors).toBe(before);
    optimizer.dispose();
    disposeModule(model);
  });

  it.each<[string, (batch: Batch, optimizer: Optimizer) => Promise<unknown>, string]>([
    [
      "an empty batch",
      (batch) => step({ ...batch, x: new Float32Array(), shape: [2, 0, 4, 4, 2] }),
      "shape must be [T, N, ...] of",
    ],
    [
      "a shape of one axis",
      (batch) => step({ ...batch, shape: [128] }),
      "shape must be [T, N, ...] of integers of at least 1, got [128]",
    ],
    [
      "values that do not fill the shape",
      (batch) => step({ ...batch, x: new Float32Array(3) }),
      "x must have 128 values",
    ],
    ["a label that is no integer", (batch) => step({ ...batch, labels: [0, 0.5] as unknown as Int32Array }), "got 0.5"],
    [
      "a learning rate of NaN",
      (batch) => step(batch, { learningRate: Number.NaN }),
      "trainStep: learningRate must be a finite number of at least 0, got NaN",
    ],
    ["no learning rate", (batch) => step(batch, { learningRate: undefined as unknown as number }), "got undefined"],
    [
      "a loss that is no scalar",
      (batch) => step(batch, { loss: (logits: Tensor3D) => logits as unknown as Scalar }),
      "scalar",
    ],
    ["a loss that throws", (batch) => step(batch, { loss: (logits: Tensor3D) => broken(square(logits)) }), "broken"],
    [
      "a loss that is a number",
      (batch) => step(batch, { loss: () => 1 as unknown as Scalar }),
      "trainStep: loss must return a scalar, got 1",
    ],
    [
      "an optimiser of another model",
      (batch) => step(batch, {}, another),
      "trainStep: optimizer must be of the model, got one of unit0.conv.weight, which is not in it",
    ],
    [
      "a reduce that leaves a gradient out",
      (batch) => step(batch, { reduce: () => ({}) }),
      'trainStep: reduce must return the gradients under the names that it receives, got none of "unit0.conv.weight"',
    ],
    [
      "a reduce that renames the gradients",
      (batch) => step(batch, { reduce: ({ ...gradients }) => ({ ...gradients, other: scalar(1) }) }),
      'trainStep: reduce must return the gradients under the names that it receives, got "other"',
    ],
    [
      "a reduce that changes a shape",
      (batch) =>
        step(batch, { reduce: (all) => Object.fromEntries(Object.keys(all).map((name) => [name, scalar(1)])) }),
      "optimizer: a gradient must have the shape [",
    ],
    [
      "a transform of all gradients that changes a shape",
      (batch) => step(batch, {}, undefined, { name: "own", updateAll: (all) => ({ ...all, "0.weight": scalar(1) }) }),
      "optimizer: own must return the gradients under the names that it receives",
    ],
    [
      "a transform that changes a shape",
      (batch) => step(batch, {}, undefined, { name: "own", update: ({ gradient }) => [sum(gradient)] }),
      "optimizer: the result of own must have the shape [",
    ],
    [
      "a transform that returns no slot",
      (batch) => step(batch, {}, undefined, { name: "own", slots: ["mean"], update: ({ gradient }) => [gradient] }),
      "optimizer: own must return the gradient and 1 slots, got 1 tensors",
    ],
    ["a reduce that throws", (batch) => step(batch, { reduce: () => broken() }), "broken"],
    ["a reduce that is rejected", (batch) => step(batch, { reduce: async () => broken() }), "broken"],
    [
      "an optimiser that throws behind a reduce",
      (batch, optimizer) =>
        step(
          batch,
          {
            reduce: (gradients) =>
              Object.fromEntries(
                Object.entries(gradients).map(([name, g]) => [name, name.endsWith("w") ? g : mul(g, 2)]),
              ),
          },
          { ...optimizer, apply: () => broken() },
        ),
      "broken",
    ],
    [
      "a transform that throws",
      (batch) => step(batch, {}, undefined, { name: "own", update: ({ gradient }) => broken(square(gradient)) }),
      "broken",
    ],
    [
      "a second batch that does not fit",
      (batch) => step([batch, { ...batch, labels: Int32Array.of(7, 7) }]),
      "labels must be from 0 to 1",
    ],
    [
      "data that end in an error",
      (batch) =>
        step(
          (function* () {
            yield batch;
            broken();
          })(),
        ),
      "broken",
    ],
  ])("leaves no tensor after %s", async (_, run, message) => {
    const batch = { x: new Float32Array(64 * 2).fill(1), shape: [2, 2, 4, 4, 2], labels: Int32Array.of(0, 1) };
    const optimizer = optimizerOf(shared, chain(clipByGlobalNorm(1), adam()));
    const before = memory().numTensors;
    expect(await messageOf(run(batch, optimizer))).toContain(message);
    expect(memory().numTensors).toBe(before);
    optimizer.dispose();
  });

  it.each([
    ["", "gradients must be finite, got NaN in weight"],
    ["norm.", "running statistics must be finite, got NaN in norm.mean"],
  ])("stops at a gradient or a running statistic %sthat is not finite although the loss is", async (norm, message) => {
    const statistic = variable(tensor1d([0, 0]), false);
    const inner = linear(2, 2);
    const model: Module = {
      forward(x, context) {
        if (norm !== "") statistic.assign(fill([2], Number.NaN));
        return inner.forward(x, context);
      },
      parameters: inner.parameters!,
      children: { norm: { forward: (x) => x, buffers: { mean: statistic } } },
    };
    // The root has the value 0 and an infinite slope there, which times 0 is NaN.
    const hidden = (logits: Tensor3D) =>
      add(mean(logits), norm === "" ? sum(sqrt(mul(square(logits), 0))) : 0) as Scalar;
    const optimizer = optimizerOf(model, momentum());
    const before = memory().numTensors;
    const batch = { x: Float32Array.of(1, 2), shape: [1, 1, 2], labels: Int32Array.of(0) };
    const step = trainStep(model, optimizer, batch, { learningRate: 0.1, seed: 0, loss: hidden });
    await expect(step).rejects.toBeInstanceOf(Diverged);
    const text = await messageOf(step);
    expect(text).toMatch(/^trainStep: /);
    expect(text.replace(/in (weight|bias)/, "in weight")).toBe(
      `trainStep: ${message}; go on from an earlier checkpoint with a lower learning rate, or clip the gradients`,
    );
    const reduce = (received: NamedTensorMap) => {
      const own = Object.fromEntries(Object.entries(received).map(([name, gradient]) => [name, mul(gradient, 1)]));
      dispose(received);
      return own;
    };
    const options = { learningRate: 0.1, seed: 1, loss: hidden, reduce };
    // By then the first step has made the weights NaN where the gradient was, and so the loss.
    if (norm !== "") await expect(trainStep(model, optimizer, batch, options)).rejects.toBeInstanceOf(Diverged);
    expect(memory().numTensors).toBe(before);
    optimizer.dispose();
    disposeModule(model);
  });

  it("takes finite gradients whose sum is beyond float32", async () => {
    const model = linear(2, 3);
    const optimizer = optimizerOf(model, (gradients: NamedTensorMap) =>
      Object.fromEntries(Object.entries(gradients).map(([name, g]) => [name, mul(g, 0)])),
    );
    const loss = (logits: Tensor3D) => sum(mul(logits, 3e38)) as Scalar;
    const batch = { x: Float32Array.of(1e-6, 1), shape: [1, 1, 2], labels: Int32Array.of(0) };
    const zero = tidy(() => Object.values(model.parameters!).map((w) => w.assign(fill(w.shape, 0))));
    expect(zero.length).toBe(2);
    expect((await trainStep(model, optimizer, batch, { learningRate: 0.1, seed: 0, loss })).loss).toBe(0);
    optimizer.dispose();
    disposeModule(model);
  });
});
