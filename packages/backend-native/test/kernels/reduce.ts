/** @file Sum, Mean, Max, Min, Softmax and LogSoftmax, against their definition in float64. */
import * as fc from "fast-check";
import { type AddonCall, counts, float32s, type KernelCase, kernelCase, sumError } from "../kernelCase.js";
import { about, edgeSizes, floats, type Kind, seeds, sizeOf, type Values } from "../values.js";

/** Axes to reduce: of small tensors any, neighbours or not, negative or not; of long ones the long axis, in chunks. */
const reductions = fc.oneof(
  fc
    .array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 })
    .chain((shape) =>
      fc
        .uniqueArray(fc.nat(shape.length - 1), { minLength: 1 })
        .map((axes) => ({ shape, axes: axes.map((axis) => (axis % 2 === 0 ? axis : axis - shape.length)) })),
    ),
  fc.tuple(about(1024, 2048), edgeSizes).map(([n, inner]) => ({ shape: [2, n, inner], axes: [1] })),
  fc.constantFrom(65_536, 65_537, 70_000).map((n) => ({ shape: [n], axes: [0] })),
  fc.tuple(edgeSizes, edgeSizes).map(([a, b]) => ({ shape: [a, 3, b], axes: [1] })),
);

interface Attrs {
  readonly axis?: number[];
  readonly reductionIndices?: number[];
  readonly keepDims: boolean;
}

interface Reducer {
  readonly of: (values: number[]) => number;
  readonly error: (values: number[]) => number;
  readonly kinds: Kind[];
  /** The attribute that names the axes; TensorFlow.js has two. */
  readonly axes: "axis" | "reductionIndices";
}

const total = (values: number[]) => values.reduce((a, b) => a + b, 0);
const magnitude = (values: number[]) => total(values.map(Math.abs));
const finite = (bound: number) => (Number.isFinite(bound) ? bound : 0);

const reducers: Readonly<Record<string, Reducer>> = {
  // Added in float64 and rounded once.
  Sum: {
    of: total,
    error: (vs) => finite(magnitude(vs) * (2 ** -24 + vs.length * 2 ** -53)),
    kinds: ["reals", "integers", "hard"],
    axes: "axis",
  },
  // The cpu backend divides each value first, and rounds it.
  Mean: {
    of: (vs) => total(vs) / vs.length,
    error: (vs) => finite((magnitude(vs) / vs.length) * sumError(2) + 2 ** -149 * vs.length),
    kinds: ["reals", "integers"],
    axes: "axis",
  },
  Max: {
    of: (vs) => vs.reduce((a, b) => Math.max(a, b)),
    error: () => 0,
    kinds: ["reals", "hard"],
    axes: "reductionIndices",
  },
  Min: { of: (vs) => vs.reduce((a, b) => Math.min(a, b)), error: () => 0, kinds: ["reals", "hard"], axes: "axis" },
};

/** The values that come together in each element of the result, and its shape. */
function groups(
  { shape, data }: Values,
  { axis, reductionIndices, keepDims }: Attrs,
): [shape: number[], groups: number[][]] {
  const axes = new Set((axis ?? reductionIndices)!.map((i) => (i < 0 ? i + shape.length : i)));
  const kept = shape.map((size, i) => (axes.has(i) ? 1 : size));
  const found: number[][] = Array.from({ length: sizeOf(kept) }, () => []);
  data.forEach((value, at) => {
    let [index, stride, rest] = [0, 1, at];
    for (let i = shape.length - 1; i >= 0; i--) {
      if (!axes.has(i)) index += (rest % shape[i]!) * stride;
      stride *= kept[i]!;
      rest = Math.floor(rest / shape[i]!);
    }
    found[index]!.push(value);
  });
  return [keepDims ? kept : shape.filter((_, i) => !axes.has(i)), found];
}

const axisCases: KernelCase[] = Object.entries(reducers).map(([kernel, { of, error, kinds, axes: name }]) =>
  kernelCase({
    kernel,
    calls: fc
      .record({ reduction: reductions, keepDims: fc.boolean(), seed: seeds, kind: fc.constantFrom(...kinds) })
      .map(({ reduction: { shape, axes }, keepDims, seed, kind }) => ({
        inputs: { x: floats(shape, seed, kind) },
        attrs: { [name]: axes, keepDims } as Attrs,
      })),
    expected: ({ x }, attrs) => {
      const [shape, found] = groups(x, attrs);
      // Sums of hard numbers may leave the range of float32.
      return [{ shape, data: Float32Array.from(found, of), within: Float64Array.from(found, error) }];
    },
  }),
);

/** The sum of the first values of several tensors, some as long as those that an addon's kernel sums. */
const sumOfFirstCase: KernelCase = {
  kernel: "SumOfFirst",
  calls: fc
    .record({
      sizes: fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), about(4096)), { minLength: 1, maxLength: 4 }),
      most: fc.constantFrom(1, 33, 4097, Infinity),
      seed: seeds,
    })
    .map(({ sizes, most, seed }) => ({
      inputs: sizes.map((size, i) => floats([size], seed + i, "reals")),
      attrs: { most },
    })),
  expected: ({ inputs, attrs }) => {
    const read = (inputs as readonly Values[]).flatMap(({ data }) => [
      ...data.slice(0, (attrs as { most: number }).most),
    ]);
    return [{ shape: [1], data: [total(read)], within: magnitude(read) * sumError(4) }];
  },
  onCpu: () => false,
};

const logits = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 5 }), edgeSizes),
  fc.tuple(fc.constantFrom(2, 17), about(1024, 16_384)).filter(([rows, n]) => rows * n < 40_000),
  fc.tuple(about(4096), fc.constant(4)),
  edgeSizes.map((n) => [n]),
  edgeSizes.map((n) => [2, 1, n]),
);

/** exp(x - m) / sum exp(x - m), or its logarithm. */
function softmax({ shape, data }: Values, logarithm: boolean): Float64Array {
  const classes = shape.at(-1)!;
  const y = new Float64Array(data.length);
  for (let r = 0; r < data.length; r += classes) {
    const row = [...data.subarray(r, r + classes)];
    const most = row.reduce((a, b) => Math.max(a, b));
    const sum = total(row.map((v) => Math.exp(v - most)));
    row.forEach((v, c) => {
      y[r + c] = logarithm ? v - most - Math.log(sum) : Math.exp(v - most) / sum;
    });
  }
  return y;
}

const softmaxCase = (kernel: string, logarithm: boolean): KernelCase =>
  kernelCase({
    kernel,
    calls: fc
      .record({ shape: logits, seed: seeds, kind: fc.constantFrom<Kind[]>("reals", "wide", "hard") })
      .map(({ shape, seed, kind }) => ({
        inputs: { logits: floats(shape, seed, kind) },
        attrs: logarithm ? { axis: -1 } : { dim: shape.length - 1 },
      })),
    expected: ({ logits: x }) => {
      const data = Float32Array.from(softmax(x, logarithm));
      const most = Math.max(...x.data.map((v) => (Number.isFinite(v) ? Math.abs(v) : 0)));
      // The cpu backend rounds x - m before it is exponentiated, an error relative to |x| in the result.
      const relative = 8 * 2 ** -24 + 2 * Math.min(most, 104) * 2 ** -24;
      return [{ shape: x.shape, data, within: data.map((e) => finite(Math.abs(e) * relative) + 2 ** -126) }];
    },
    // It has no LogSoftmax: TensorFlow.js composes it.
    onCpu: () => !logarithm,
  });

export const cases: readonly KernelCase[] = [
  ...axisCases,
  sumOfFirstCase,
  softmaxCase("Softmax", false),
  softmaxCase("LogSoftmax", true),
];

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  reduce: { numbers: [0, 2, 3, 2], arrays: [float32s(12), float32s(4)], sizes: [1, 3] },
  reduceSpikes: { numbers: [0, 2, 3, 2], arrays: [counts(12), float32s(4)], sizes: [1, 3] },
  softmax: { numbers: [2, 3, 0], arrays: [float32s(6), float32s(6)], sizes: [0, 1] },
};
