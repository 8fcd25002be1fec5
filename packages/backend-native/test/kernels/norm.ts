/** @file FusedBatchNorm, and batch norm in training with its gradient, against their definition in float64. */
import * as fc from "fast-check";
import { type AddonCall, type Expected, float32s, type KernelCase, kernelCase } from "../kernelCase.js";
import { about, edgeSizes, floats, type Kind, seeds, type Values } from "../values.js";

/** Rows about the 256 of a block, the 16384 elements of a task, and where 64 chunks become longer than a block. */
export const normShapes: fc.Arbitrary<number[]> = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 9 }), edgeSizes),
  fc.tuple(about(256, 512, 1024), fc.constantFrom(1, 3, 17)),
  fc.tuple(fc.constantFrom(16_384, 16_385, 17_000), fc.constantFrom(1, 2)),
  fc.tuple(fc.integer({ min: 1, max: 3 }), fc.constant(2), fc.constant(3), fc.constant(4), edgeSizes),
);

export const epsilons = fc.constantFrom(1e-5, 0.001, 0.5);
const kinds: fc.Arbitrary<Kind> = fc.constantFrom("reals", "integers");

/** A float32 rounding. */
const u = 2 ** -24;
/** Sums are in float64: what they round is far below float32. */
const sumRounding = 2 ** -44;
/** Roundings of float32 sums over the steps of a neuron, and some more. */
const steps = 264 * u;

/** Values whose digits may be those of float64. */
type Numbers = Pick<Values, "shape"> & { readonly data: ArrayLike<number> };

export const rowsOf = ({ shape, data }: Numbers) => ({ channels: shape.at(-1)!, rows: data.length / shape.at(-1)! });
export const moved = ({ shape, dtype, data }: Values, by: number): Values => ({
  shape,
  dtype,
  data: (data as Float32Array).map((v) => v + by),
});
/** Positive numbers, as variances are. */
export const positive = ({ shape, dtype, data }: Values): Values => ({
  shape,
  dtype,
  data: (data as Float32Array).map((v) => Math.abs(v) + 0.125),
});

/** Adds up over the rows, for each channel. */
function perChannel({ rows, channels }: { rows: number; channels: number }, of: (at: number, c: number) => number) {
  const sums = new Float64Array(channels);
  for (let at = 0; at < rows * channels; at++) sums[at % channels]! += of(at, at % channels);
  return sums;
}

const evaluation = kernelCase({
  kernel: "FusedBatchNorm",
  calls: fc
    .record({
      shape: normShapes,
      seed: seeds,
      kind: kinds,
      varianceEpsilon: epsilons,
      given: fc.constantFrom<("scale" | "offset")[][]>(
        ...([[], ["scale"], ["offset"], ["scale", "offset"]] as ("scale" | "offset")[][]),
      ),
    })
    .map(({ shape, seed, kind, varianceEpsilon, given }) => {
      const channel = (i: number) => floats([shape.at(-1)!], seed + i, "reals");
      const inputs: Record<"x" | "mean" | "variance", Values> & { scale?: Values; offset?: Values } = {
        x: floats(shape, seed, kind),
        mean: channel(1),
        variance: positive(channel(2)),
        ...(given.includes("scale") ? { scale: channel(3) } : {}),
        ...(given.includes("offset") ? { offset: channel(4) } : {}),
      };
      return { inputs: inputs as Record<string, Values>, attrs: { varianceEpsilon } };
    }),
  expected: ({ x, mean, variance, scale, offset }, { varianceEpsilon }) => {
    const { channels } = rowsOf(x!);
    const parts = Array.from(x!.data, (value, at) => {
      const c = at % channels;
      const factor = (scale?.data[c] ?? 1) / Math.sqrt(variance!.data[c]! + varianceEpsilon);
      return [(value - mean!.data[c]!) * factor, offset?.data[c] ?? 0] as const;
    });
    return [
      {
        shape: x!.shape,
        data: parts.map(([a, b]) => a + b),
        within: parts.map(([a, b]) => 6 * u * (Math.abs(a) + Math.abs(b))),
      },
    ];
  },
});

/** Mean and variance of a channel's values, and how far off they may be. */
function statistics(x: Values) {
  const size = rowsOf(x);
  const { rows } = size;
  // Relative to the first row, as the kernel does, so that equal rows have variance 0 here, too.
  const difference = (at: number) => x.data[at]! - x.data[at % size.channels]!;
  const centre = perChannel(size, (at) => difference(at) / rows);
  const mean = centre.map((m, c) => x.data[c]! + m);
  const variance = perChannel(size, (at, c) => (difference(at) - centre[c]!) ** 2 / rows);
  const spread = perChannel(size, (at) => Math.abs(difference(at)) / rows);
  const square = perChannel(size, (at) => difference(at) ** 2 / rows);
  return {
    mean,
    variance,
    meanError: mean.map((m, c) => sumRounding * spread[c]! + u * Math.abs(m)),
    // Variance = mean of d² - (mean of d)², each off by the rounding of a sum; (mean of d)² is at most the mean of d².
    varianceError: variance.map((v, c) => 3 * sumRounding * square[c]! + u * v),
  };
}

/** Batch norm in training: y, mean and variance, and how far off they may be. */
export function batchNormalised({ x, scale, offset }: Record<"x" | "scale" | "offset", Values>, epsilon: number) {
  const { channels } = rowsOf(x);
  const { mean, variance, meanError, varianceError } = statistics(x);
  const y = Array.from(x.data, (value, at) => {
    const c = at % channels;
    const [v, s, o] = [variance[c]! + epsilon, scale.data[c]!, offset.data[c]!];
    const factor = s / Math.sqrt(v);
    const centred = value - mean[c]!;
    // From the mean, from the variance (the slope of 1/√v), and from the roundings of y itself.
    const error =
      Math.abs(factor) *
        (meanError[c]! +
          Math.abs(centred) * ((0.5 * varianceError[c]!) / Math.max(v - varianceError[c]!, epsilon) + 6 * u)) +
      2 * u * Math.abs(o);
    return [centred * factor + o, error] as const;
  });
  return {
    y: { shape: x.shape, data: y.map(([value]) => value), within: y.map(([, error]) => error) },
    mean: { shape: [channels], data: mean, within: meanError },
    variance: { shape: [channels], data: variance, within: varianceError },
  } satisfies Record<string, Expected>;
}

const training = kernelCase({
  kernel: "BatchNormTraining",
  calls: fc
    .record({ shape: normShapes, seed: seeds, kind: kinds, epsilon: epsilons, far: fc.constantFrom(0, 0, 1000) })
    .map(({ shape, seed, kind, epsilon, far }) => ({
      inputs: {
        x: moved(floats(shape, seed, kind), far),
        scale: floats([shape.at(-1)!], seed + 1, "reals"),
        offset: floats([shape.at(-1)!], seed + 2, "reals"),
      },
      attrs: { epsilon },
    })),
  expected: (inputs, { epsilon }) => {
    const { y, mean, variance } = batchNormalised(inputs, epsilon);
    return [y, mean, variance];
  },
  // It has no such kernel. batchNormTraining.test.ts compares with its composed operations.
  onCpu: () => false,
});

/** The mean of x: rounded, as gradients receive it, which know that it is the batch's, and as it is; 0 of no rows. */
export function ownMean(x: Values): { readonly rounded: Values; readonly exact: Numbers } {
  const mean = x.data.length > 0 ? statistics(x).mean : new Float64Array(rowsOf(x).channels);
  const shape = [mean.length];
  return { rounded: { shape, dtype: "float32", data: Float32Array.from(mean) }, exact: { shape, data: mean } };
}

/**
 * The gradients of x, scale and offset from dy, which may itself be `dyError` off. Without `own` statistics none flows
 * through mean and variance. Sums of dy are off by `rounding` of their terms.
 */
export function normGradient(
  { x, scale, mean, variance }: Record<"x" | "scale" | "mean" | "variance", Numbers>,
  dy: ArrayLike<number>,
  dyError: ArrayLike<number>,
  epsilon: number,
  own = true,
  rounding = steps,
): Expected[] {
  const size = rowsOf(x);
  const { rows, channels } = size;
  const r = Float64Array.from(variance.data, (v) => 1 / Math.sqrt(v + epsilon));
  const centred = (at: number, c: number) => x.data[at]! - mean.data[c]!;
  const dOffset = perChannel(size, (at) => dy[at]!);
  const dScale = perChannel(size, (at, c) => r[c]! * dy[at]! * centred(at, c));
  const off = (at: number) => Math.abs(dy[at]!) * rounding + dyError[at]!;
  const offsetError = perChannel(size, off);
  const scaleError = perChannel(size, (at, c) => Math.abs(r[c]! * centred(at, c)) * off(at));
  const dx = Array.from(x.data, (_, at) => {
    const c = at % channels;
    const [g, z, factor] = [dy[at]!, centred(at, c) * r[c]!, scale.data[c]! * r[c]!];
    const terms = own ? [g, -dOffset[c]! / rows, (-z * dScale[c]!) / rows] : [g];
    const through = own ? (offsetError[c]! + Math.abs(z) * scaleError[c]!) / rows : 0;
    const error = terms.reduce((s, t) => s + 6 * u * Math.abs(t), dyError[at]!) + through;
    return [factor * terms.reduce((s, t) => s + t, 0), Math.abs(factor) * error] as const;
  });
  return [
    { shape: x.shape, data: dx.map(([value]) => value), within: dx.map(([, error]) => error) },
    { shape: [channels], data: dScale, within: scaleError },
    { shape: [channels], data: dOffset, within: offsetError },
  ];
}

const trainingGrad = kernelCase({
  kernel: "BatchNormTrainingGrad",
  calls: fc
    .record({ shape: normShapes, seed: seeds, kind: kinds, epsilon: epsilons })
    .map(({ shape, seed, kind, epsilon }) => {
      const x = floats(shape, seed, kind);
      return {
        inputs: {
          x,
          dy: floats(shape, seed + 1, kind),
          scale: floats([shape.at(-1)!], seed + 2, "reals"),
          mean: ownMean(x).rounded,
          variance: positive(floats([shape.at(-1)!], seed + 4, "reals")),
        },
        attrs: { epsilon },
      };
    }),
  expected: ({ dy, ...inputs }, { epsilon }) => {
    const none = new Float64Array(dy.data.length);
    return normGradient({ ...inputs, mean: ownMean(inputs.x).exact }, dy.data, none, epsilon, true, 3 * u);
  },
  onCpu: () => false,
});

const f = Math.fround;

const moving = kernelCase({
  kernel: "MoveStatistics",
  calls: fc.record({ channels: edgeSizes, seed: seeds, kind: kinds }).chain(({ channels, seed, kind }) => {
    const [runningMean, runningVar, mean, variance] = [0, 1, 2, 3].map((i) => floats([channels], seed + i, kind));
    return fc.record({
      inputs: fc.constant({ runningMean, runningVar, mean, variance } as Record<
        "runningMean" | "runningVar" | "mean" | "variance",
        Values
      >),
      attrs: fc.record({ momentum: fc.constantFrom(0, 0.1, 0.3, 1), unbias: fc.constantFrom(2, 1 + 1 / 3, 1) }),
    });
  }),
  expected: ({ runningMean, runningVar, mean, variance }, { momentum, unbias }) => {
    const { shape } = mean;
    const move = (running: Values, batch: (c: number) => number) =>
      Array.from(running.data, (r, c) => f(f(f(1 - momentum) * r) + f(f(momentum) * batch(c))));
    return [move(runningMean, (c) => mean.data[c]!), move(runningVar, (c) => f(f(unbias) * variance.data[c]!))].map(
      (data) => ({ shape, data }),
    );
  },
  // It has no such kernel. moveStatistics.test.ts compares with its composed operations.
  onCpu: () => false,
});

export const cases: readonly KernelCase[] = [evaluation, training, trainingGrad, moving];

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  batchNorm: {
    numbers: [3, 2, 0.1],
    arrays: [float32s(6), float32s(2), float32s(2), float32s(2), float32s(2), float32s(6)],
    sizes: [0, 1],
  },
  batchNormTrainingGrad: {
    numbers: [3, 2, 0.1],
    arrays: [6, 6, 2, 2, 2, 6, 2, 2].map(float32s),
    sizes: [0, 1],
  },
  moveStatistics: { numbers: [2, 0.1, 0.9, 1.5], arrays: [2, 2, 2, 2, 2, 2].map(float32s), sizes: [0, 0] },
};
