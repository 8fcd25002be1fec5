import {
  instructionSet,
  instructionSets,
  type SpikeConvolution,
  setInstructionSet,
  setSpikeConvolution,
  setSpikeStorage,
} from "@sew/backend-native";
import { difference, read } from "@sew/kernels/testing";
import { integrateAndFire, neuron, unroll } from "@sew/neurons";
import {
  abs,
  add,
  addN,
  avgPool,
  batchNorm,
  cast,
  clone,
  concat,
  conv2d,
  conv2dTranspose,
  div,
  exp,
  gather,
  grads,
  greater,
  log,
  matMul,
  max,
  maximum,
  maxPool,
  mean,
  memory,
  minimum,
  mul,
  neg,
  onesLike,
  pad,
  relu,
  reshape,
  reverse,
  rsqrt,
  setBackend,
  sigmoid,
  slice,
  softmax,
  split,
  sqrt,
  square,
  squaredDifference,
  stack,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
  tanh,
  tensor,
  tensor1d,
  tidy,
  tile,
  transpose,
  unstack,
  where,
  zerosLike,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { describeNative, withThreads } from "./describeNative.js";
import { floats, integers, seeds } from "./values.js";

/** Shape of every drawn tensor; those made of them are images `[2, H, W, C]` of any size. */
const drawnShape = [2, 4, 5, 3] as const;

const notFinite = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

/** Numbers of that shape; where `isPoisoned`, one in forty is NaN or infinite. */
function drawnNumbers(seed: number, isPoisoned: boolean): Float32Array {
  const data = (floats(drawnShape, seed, "reals").data as Float32Array).slice();
  const next = integers(seed + 77);
  if (isPoisoned) for (let i = 0; i < data.length; i++) if (next() % 40 === 0) data[i] = notFinite[next() % 3]!;
  return data;
}

/** An operation on images: `a` and `b` were made before, `leaf` is drawn for it alone, `n` picks a variant. */
type Op = (a: Tensor4D, b: Tensor4D, leaf: Tensor4D, n: number) => Tensor;

/** The first numbers of a drawn tensor, in another shape. */
const weights = (leaf: Tensor4D, shape: number[]) =>
  reshape(
    slice(
      reshape(leaf, [-1]),
      0,
      shape.reduce((x, y) => x * y),
    ),
    shape,
  );

/** One number for each sample: it broadcasts to every image. */
const level = (b: Tensor4D) => mean(b, [1, 2, 3], true);

/** Operations with a slope everywhere. Their results stay below 4 in absolute value when their arguments are. */
const smooth: Readonly<Record<string, Op>> = {
  add: (a, b) => mul(add(a, level(b)), 0.5),
  sub: (a, b) => mul(sub(level(b), a), 0.5),
  addN: (a) => mul(addN([a, sigmoid(a), neg(a)]), 2),
  mul: (a, b) => mul(tanh(a), level(b)),
  div: (a, b) => div(a, add(square(level(b)), 1)),
  // Its gradient in TensorFlow.js knows no broadcasting.
  squaredDifference: (a) => squaredDifference(tanh(a), sigmoid(a)),
  exp: (a) => exp(tanh(a)),
  log: (a) => log(add(square(a), 1)),
  sqrt: (a) => sqrt(add(square(a), 0.5)),
  rsqrt: (a) => rsqrt(add(square(a), 0.5)),
  softmax: (a) => softmax(a),
  sum: (a) => mul(add(sum(a, -1, true), a), 0.1),
  mean: (a) => sub(a, mean(a, [1, 2], true)),
  conv2d: (a, _, leaf, n) => {
    const channels = a.shape[3];
    const filter = weights(leaf, [1 + (n % 2), 2, channels, 1 + (n % 5)]) as Tensor4D;
    return mul(conv2d(a, filter, [1 + (n % 3), 1], n % 2 === 0 ? "same" : 1), 0.1);
  },
  conv2dTranspose: (a, _, leaf) => {
    const [n, h, w, c] = a.shape;
    return mul(conv2dTranspose(a, weights(leaf, [2, 2, 3, c]) as Tensor4D, [n, h, w, 3], 1, "same"), 0.1);
  },
  // Without padding, where the cpu backend has another gradient: see avgPoolGrad.test.ts.
  avgPool: (a, _, _leaf, n) => {
    const [, h, w] = a.shape;
    return avgPool(a, [Math.min(h, 1 + (n % 3)), Math.min(w, 2)], [1, 1 + (n % 2)], "valid");
  },
  batchNorm: (a, _, leaf) => {
    const part = (i: number) => slice(reshape(leaf, [-1]), i * a.shape[3], a.shape[3]) as Tensor1D;
    return mul(batchNorm(a, part(0), add(square(part(1)), 1) as Tensor1D, part(2), part(3)), 0.25);
  },
  matMul: (a, _, leaf, n) => {
    const [images, h, w, c] = a.shape;
    const k = 1 + (n % 6);
    return reshape(mul(matMul(reshape(a, [-1, c]), weights(leaf, [c, k])), 0.1), [images, h, w, k]);
  },
  "matMul of batches": (a, _, _leaf, n) => mul(matMul(a, a, n % 2 === 0, n % 2 === 1), 0.05),
  transpose: (a) => transpose(a, [0, 2, 1, 3]),
  "slice, pad": (a, _, _leaf, n) =>
    pad(slice(a, [0, n % a.shape[1], 0, 0], [-1, 1, -1, -1]), [
      [0, 0],
      [0, n % 3],
      [n % 2, 0],
      [0, 0],
    ]),
  "unstack, stack": (a) => stack(unstack(a).reverse()),
  "split, concat": (a) => concat([...split(a, 2), level(a)].slice(0, 2).reverse()),
  "gather, reverse": (a) => reverse(gather(a, tensor1d([1, 0], "int32")), 2),
  clone: (a) => mul(clone(a), onesLike(a)),
  tile: (a) => slice(tile(a, [1, 1, 1, 2]), [0, 0, 0, 0], [-1, -1, -1, Math.min(5, 2 * a.shape[3])]),
};

/** Where other drawn numbers are above 0: TensorFlow.js has no gradient of a comparison. */
const positive = (n: number) =>
  greater(tensor(floats(drawnShape, n, "reals").data as Float32Array, [...drawnShape]), 0);

/** `[2, 4, 5, channels]` of numbers of `x`, which has 3 channels. */
const widened = (x: Tensor4D, channels: number) =>
  slice(tile(x, [1, 1, 1, 11]), [0, 0, 0, 0], [-1, -1, -1, channels]) as Tensor4D;

/** Spikes of two steps: bits on native. Pixels of 32 channels are whole words, those of 8 share them. */
const spikes = (x: Tensor4D, channels: number) =>
  unroll(neuron(integrateAndFire), widened(x, channels)).spikes as Tensor4D;

/** What is stored as bits and as counts on native. */
const stored: Readonly<Record<string, (leaf: Tensor4D, channels: number, n: number) => Tensor4D>> = {
  bits: (leaf, channels) => spikes(leaf, channels),
  counts: (leaf, channels, n) =>
    add(add(spikes(leaf, channels), spikes(reverse(leaf, n % 4), channels)), spikes(neg(leaf), channels)),
  and: (leaf, channels, n) => mul(spikes(leaf, channels), spikes(reverse(leaf, n % 4), channels)),
  iand: (leaf, channels, n) => mul(sub(1, spikes(leaf, channels)), spikes(reverse(leaf, n % 4), channels)),
  "max of bits": (leaf, channels, n) => maxPool(spikes(leaf, channels), [2, 1 + (n % 3)], [1, 2], "same"),
  "max of counts": (leaf, channels, n) =>
    maxPool(add(spikes(leaf, channels), spikes(neg(leaf), channels)), [2, 1 + (n % 3)], [2, 1], "same"),
};

/** Who takes them: kernels that know of bits and counts, and others that see float32. */
const takers: Readonly<Record<string, (s: Tensor4D, leaf: Tensor4D, n: number) => Tensor>> = {
  itself: (s) => s,
  sum: (s, _, n) => mul(sum(s, n % 2 === 0 ? [1, 2] : 3, true), 0.05),
  mean: (s, _, n) => mean(s, [[1, 2], [1, 2, 3], [3]][n % 3], true),
  conv2d: (s, leaf, n) => {
    const [kernel, k] = [[1 + (n % 2), 1 + (n % 3)], 1 + (n % 3)];
    const filter = weights(tile(leaf, [1, 1, 1, 5]), [...kernel, s.shape[3], k]) as Tensor4D;
    return mul(conv2d(s, filter, [1 + (n % 2), 1 + (n % 3)], n % 2 === 0 ? "same" : 1), 0.05);
  },
  avgPool: (s) => avgPool(s, [2, 2], 1, "valid"),
  maxPool: (s, _, n) => maxPool(s, [1 + (n % 2), 2], 1, "valid"),
  "times floats": (s, leaf) => mul(s, tanh(mean(leaf))),
  "plus floats": (s, leaf) => add(mul(s, 0.5), level(leaf)),
  "floats minus": (s, leaf) => sub(level(leaf), s),
  "with itself": (s) => mul(add(s, s), 0.5),
  matMul: (s, leaf) => {
    const [images, h, w, c] = s.shape;
    return reshape(mul(matMul(reshape(s, [-1, c]), weights(leaf, [c, 3])), 0.05), [images, h, w, 3]);
  },
  "batchNorm, relu": (s, leaf) => {
    const part = (i: number) => slice(reshape(leaf, [-1]), 28 * i, s.shape[3]) as Tensor1D;
    const [centre, spread, offset, scale] = [0, 1, 2, 3].map(part);
    return relu(mul(batchNorm(s, centre!, add(square(spread!), 1) as Tensor1D, offset!, scale!), 0.25));
  },
  softmax: (s) => softmax(s),
  "transpose, reverse": (s) => reverse(transpose(s, [0, 2, 1, 3]), 3),
  "gather, concat": (s) => concat([gather(s, tensor1d([1, 0], "int32")), s], 3),
  "unstack, stack": (s) => stack(unstack(s).reverse()),
  "abs, sqrt": (s) => sqrt(add(abs(s), 0.5)),
  max: (s) => max(s, 3, true),
};

/** Each of these of one of those, of 32 channels or of 8. */
const spiking: typeof kinked = Object.fromEntries(
  Object.entries(takers).map(([name, take]) => [
    `${name} of spikes`,
    (leaf, n) => {
      const make = Object.values(stored)[n % Object.keys(stored).length]!;
      return take(make(leaf, n % 5 === 0 ? 8 : 32, n), leaf, Math.floor(n / 7));
    },
  ]),
);

/** As many as other operations have weights for. */
const fewChannels = (x: Tensor) => slice(x, [0, 0, 0, 0], [-1, -1, -1, Math.min(3, x.shape[3]!)]);

/** Operations with kinks or steps. They take drawn numbers alone, which no rounding moves to the other side. */
const kinked: Readonly<Record<string, (leaf: Tensor4D, n: number) => Tensor>> = {
  relu: (leaf) => relu(leaf),
  abs: (leaf) => abs(leaf),
  maximum: (leaf) => maximum(leaf, 0.3),
  minimum: (leaf) => minimum(reverse(leaf, 1), leaf),
  max: (leaf) => sub(leaf, max(leaf, 3, true)),
  maxPool: (leaf) => maxPool(leaf, [2, 3], [1, 2], "same"),
  "greater, where": (leaf, n) => where(positive(n), leaf, zerosLike(leaf)),
  "greater, cast": (leaf, n) => mul(cast(positive(n), "float32"), leaf),
  ...Object.fromEntries(Object.entries(spiking).map(([name, op]) => [name, (leaf, n) => fewChannels(op(leaf, n))])),
};

const ways = { weight: 3, arbitrary: fc.constant<"auto">("auto") };
const programs = fc.record({
  seed: seeds,
  isPoisoned: fc.boolean(),
  set: fc.nat(9),
  storage: fc.oneof(ways, fc.constant<"off">("off")),
  convolution: fc.constantFrom<SpikeConvolution>("auto", "on", "off", "off"),
  steps: fc.array(
    fc.record({
      op: fc.constantFrom(...Object.keys(smooth), ...Object.keys(kinked)),
      a: fc.nat(9),
      b: fc.nat(9),
      n: fc.nat(999),
    }),
    { minLength: 1, maxLength: 9 },
  ),
});

type Program = typeof programs extends fc.Arbitrary<infer P> ? P : never;

/** Runs the steps; `leaves` are the first image and one drawn tensor for each step. Returns all images joined. */
function evaluate({ steps }: Program, leaves: readonly Tensor[]): Tensor {
  const images = [leaves[0] as Tensor4D];
  steps.forEach(({ op, a, b, n }, i) => {
    const pick = (at: number) => images[at % images.length]!;
    const leaf = leaves[i + 1] as Tensor4D;
    // What kinked operations give is joined to the rest through its level.
    const made = kinked[op] !== undefined ? kinked[op](leaf, n) : smooth[op]!(pick(a), pick(b), leaf, n);
    // Sizes must not grow for ever.
    images.push((made.size > 600 ? slice(made, [0, 0, 0, 0], [2, 2, 2, 2]) : made) as Tensor4D);
  });
  return concat(images.map((image) => reshape(image, [-1])));
}

/** The joined images, and the gradients of a weighted sum of them for every leaf. */
function outcome(program: Program): number[][] {
  return tidy(() => {
    const leaves = [0, ...program.steps].map((_, i) =>
      tensor(drawnNumbers(program.seed + i, program.isPoisoned), [...drawnShape]),
    );
    const loss = (...all: Tensor[]) => {
      const joined = evaluate(program, all);
      const { data } = floats([joined.size], program.seed - 1, "reals");
      // Not every leaf is used by its operation.
      return addN([sum(mul(joined, tensor1d(data as Float32Array))), ...all.map((leaf) => mul(sum(leaf), 0))]);
    };
    return [evaluate(program, leaves), ...grads(loss)(leaves)].map(read);
  });
}

/** All the same bits, or NaN. `toEqual` would take seconds. */
const sameNumbers = (a: readonly number[][], b: readonly number[][]) =>
  a.every((values, i) => values.length === b[i]!.length && values.every((value, j) => Object.is(value, b[i]![j])));

describeNative("random programs", () => {
  const best = instructionSet();
  afterAll(() => {
    setInstructionSet(best);
    setSpikeStorage("auto");
    setSpikeConvolution("auto");
  });

  it("compute on native what cpu does, with its gradients, alike on 1, 2 and 5 threads, and leave nothing", () =>
    fc.assert(
      fc.asyncProperty(programs, async (program) => {
        await setBackend("cpu");
        const expected = outcome(program);
        await setBackend("native");
        setInstructionSet(instructionSets()[program.set % instructionSets().length]!);
        setSpikeStorage(program.storage);
        setSpikeConvolution(program.convolution);
        const before = memory();
        const [found, ...others] = [1, 2, 5].map((threads) => withThreads(threads, () => outcome(program)));
        for (const other of others) expect(sameNumbers(other, found!)).toBe(true);
        expect(memory()).toMatchObject({ numTensors: before.numTensors, numDataBuffers: before.numDataBuffers });
        for (const [i, values] of found!.entries()) {
          const most = Math.max(1, ...expected[i]!.filter(Number.isFinite).map(Math.abs));
          if (!program.isPoisoned) expect(expected[i]!.every(Number.isFinite)).toBe(true);
          // Ten operations on numbers below 4, each with sums of at most some 100 terms, in parts of the largest.
          const error = 10 * 100 * 4 * 2 ** -24 * most;
          expect(difference(values, expected[i]!, { relative: 0, absolute: error })).toBeUndefined();
        }
      }),
      { numRuns: 150 },
    ));
});
