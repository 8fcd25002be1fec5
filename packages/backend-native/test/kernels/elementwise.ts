/** @file Element-wise kernels, comparisons, casts and AddN, against the formula of one number. */
import * as fc from "fast-check";
import { erf } from "../erf.js";
import { type AddonCall, counts, float32s, type KernelCase, kernelCase, sumError, words } from "../kernelCase.js";
import { about, edgeSizes, floats, integers, type Kind, seeds, sizeOf, type Values } from "../values.js";

const { abs, atan, cos, exp, floor, fround, log, max, min, pow, sin, sqrt, tanh } = Math;

/** Relative error in units of the last of 24 bits, and an absolute one for results below the normal range. */
const near = (units: number, absolute = 2 ** -149) => ({ units, absolute });

interface Formula<F> {
  readonly f: F;
  /** Given where more than one rounding happens, or a function of the C library computes it. */
  readonly error?: { readonly units: number; readonly absolute: number };
  /** Whether the sign of a zero is right too. Where it is not, JavaScript's max and the C code choose differently. */
  readonly signedZeros?: boolean;
}

const unary: Readonly<Record<string, Formula<(x: number, alpha: number) => number>>> = {
  Neg: { f: (x) => -x, signedZeros: true },
  Abs: { f: abs, signedZeros: true },
  Square: { f: (x) => x * x, signedZeros: true },
  Sqrt: { f: sqrt, signedZeros: true },
  Rsqrt: { f: (x) => 1 / sqrt(x), error: near(4) },
  Reciprocal: { f: (x) => 1 / x, signedZeros: true },
  Exp: { f: exp, error: near(4) },
  Log: { f: log, error: near(4) },
  // exp(-x) overflows below x = -88, where the sigmoid is under the normal range.
  Sigmoid: { f: (x) => 1 / (1 + exp(-x)), error: near(6, 2 ** -126) },
  Tanh: { f: tanh, error: near(6) },
  Atan: { f: atan, error: near(6) },
  Erf: { f: erf, error: near(4) },
  // Of float64, rounded.
  Sin: { f: sin, error: near(2) },
  Cos: { f: cos, error: near(2) },
  Floor: { f: floor, signedZeros: true },
  // Ties to even.
  Round: { f: (x) => (abs(x) < 2 ** 23 ? (x < 0 ? -1 : 1) * (abs(x) + 2 ** 52 - 2 ** 52) : x) },
  Relu: { f: (x) => max(0, x) },
  Step: { f: (x, alpha) => (Number.isNaN(x) ? x : x > 0 ? 1 : alpha), signedZeros: true },
};

const binary: Readonly<Record<string, Formula<(a: number, b: number) => number>>> = {
  Add: { f: (a, b) => a + b, signedZeros: true },
  Sub: { f: (a, b) => a - b, signedZeros: true },
  Multiply: { f: (a, b) => a * b, signedZeros: true },
  RealDiv: { f: (a, b) => a / b, signedZeros: true },
  Maximum: { f: max },
  Minimum: { f: min },
  SquaredDifference: { f: (a, b) => (a - b) ** 2, error: near(6) },
  Pow: { f: pow, error: near(2) },
};

const compare: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  Greater: (a, b) => a > b,
  GreaterEqual: (a, b) => a >= b,
  Less: (a, b) => a < b,
  LessEqual: (a, b) => a <= b,
  Equal: (a, b) => a === b,
  NotEqual: (a, b) => a !== b,
};

function rounded<F>(shape: readonly number[], data: Float64Array, { error, signedZeros = false }: Formula<F>) {
  const expected = Float32Array.from(data);
  const within =
    error === undefined
      ? 0
      : expected.map((e) => (Number.isFinite(e) ? abs(e) * error.units * 2 ** -24 + error.absolute : 0));
  return [{ shape, data: expected, within, signedZeros }];
}

/** One axis of any size, nothing included, and about the 16,384 elements of a task; or several axes. */
const shapes: fc.Arbitrary<readonly number[]> = fc.oneof(
  edgeSizes.map((n) => [n]),
  fc.constantFrom([], [0], [2, 0, 3]),
  about(16_384, 32_768).map((n) => [n]),
  fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }),
);

const numberKinds: fc.Arbitrary<Kind> = fc.constantFrom("hard", "wide", "reals", "integers");

const unaryCases: KernelCase[] = Object.entries(unary).map(([kernel, formula]) =>
  kernelCase({
    kernel,
    calls: fc
      .record({ shape: shapes, seed: seeds, kind: numberKinds, alpha: fc.constantFrom(0, 0.25, -3) })
      .map(({ shape, seed, kind, alpha }) => ({ inputs: { x: floats(shape, seed, kind) }, attrs: { alpha } })),
    expected: ({ x }, { alpha }) =>
      rounded(
        x.shape,
        Float64Array.from(x.data, (v) => formula.f(v, alpha)),
        formula,
      ),
    // Its Erf is an approximation with an error of 1e-7.
    onCpu: () => kernel !== "Erf",
  }),
);

/** How one axis of two arguments is joined: alike, or either spread over it. */
const joints = fc.constantFrom("both", "spread a", "spread b");

const axesOf = (longest: number) =>
  fc.array(fc.tuple(joints, fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constantFrom(0, 8, 17))), {
    minLength: 0,
    maxLength: longest,
  });

/** Pairs of shapes that broadcast, of up to rank 5; of rank 7, axis for axis the other way, for the cpu backend's way. */
const pairs = fc
  .oneof(
    axesOf(5),
    about(16_384).map((n) => [["both", n]] as [string, number][]),
    about(16_384).chain((n) =>
      joints.map(
        (j) =>
          [
            [j, 3],
            ["both", n],
          ] as [string, number][],
      ),
    ),
    fc.constant([1, 2, 3, 4, 5, 6, 7].map((i) => [i % 2 === 0 ? "spread a" : "spread b", 2] as [string, number])),
  )
  .chain((axes) => fc.tuple(fc.constant(axes), fc.nat(axes.length), fc.constantFrom("a", "b")))
  .map(([axes, dropped, from]) => {
    const shape = (which: "a" | "b") => {
      const own = axes.map(([joint, size]) => (joint === `spread ${which}` ? 1 : size));
      // The other's axes stay, so that this one's missing axes are spread.
      return which === from ? own.slice(dropped) : own;
    };
    return { a: shape("a"), b: shape("b") };
  })
  .filter(({ a, b }) => sizeOf(broadcast(a, b)) <= 60_000);

function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [p, q] = [a.at(i - rank) ?? 1, b.at(i - rank) ?? 1];
    return p === 1 ? q : p;
  });
}

/** The result of `f` for every element of the broadcast shape, from its index. */
function combined(a: Values, b: Values, f: (a: number, b: number) => number): { shape: number[]; data: Float64Array } {
  const shape = broadcast(a.shape, b.shape);
  const at = ({ shape: own, data }: Values, o: number) => {
    let [index, stride, rest] = [0, 1, o];
    for (let i = 1; i <= shape.length; i++) {
      const size = i <= own.length ? own.at(-i)! : 1;
      if (size > 1) index += (rest % shape.at(-i)!) * stride;
      stride *= size;
      rest = Math.floor(rest / shape.at(-i)!);
    }
    return data[index]!;
  };
  return { shape, data: Float64Array.from({ length: sizeOf(shape) }, (_, o) => f(at(a, o), at(b, o))) };
}

const pairCalls = fc.record({ pair: pairs, seed: seeds, kind: numberKinds }).map(({ pair, seed, kind }) => ({
  inputs: { a: floats(pair.a, seed, kind), b: floats(pair.b, seed + 1, kind) },
  attrs: {},
}));

const binaryCases: KernelCase[] = Object.entries(binary).map(([kernel, formula]) =>
  kernelCase({
    kernel,
    calls: pairCalls,
    expected: ({ a, b }) => {
      const { shape, data } = combined(a, b, formula.f);
      return rounded(shape, data, formula);
    },
    // Its SquaredDifference does not round the difference: an infinity may come a factor 2 later.
    onCpu: ({ a, b }) =>
      kernel !== "SquaredDifference" || ![a, b].some(({ data }) => data.some((v) => abs(v) > 2 ** 63)),
  }),
);

const compareCases: KernelCase[] = Object.entries(compare).map(([kernel, f]) =>
  kernelCase({
    kernel,
    calls: pairCalls,
    expected: ({ a, b }) => [combined(a, b, (p, q) => Number(f(p, q)))],
  }),
);

const castCase: KernelCase = kernelCase({
  kernel: "Cast",
  calls: fc
    .record({ shape: shapes, seed: seeds, dtype: fc.constantFrom<Values["dtype"][]>("bool", "int32", "float32") })
    .map(({ shape, seed, dtype }) => {
      const next = integers(seed);
      const size = sizeOf(shape);
      const data = {
        bool: () => Uint8Array.from({ length: size }, () => next() % 2),
        // Above 2^24 not every integer is a float32.
        int32: () => Int32Array.from({ length: size }, () => next() | 0),
        float32: () => floats(shape, seed, "hard").data,
      }[dtype]();
      return { inputs: { x: { shape, dtype, data } as Values }, attrs: { dtype: "float32" } };
    }),
  expected: ({ x }) => [{ shape: x.shape, data: Float64Array.from(x.data, fround), signedZeros: true }],
  // It hands on the integers themselves, of which not all are float32 numbers.
  onCpu: ({ x }) => x.dtype !== "int32",
});

/** A list of tensors instead of named ones. */
const addNCase: KernelCase = {
  kernel: "AddN",
  calls: fc
    .record({
      shape: shapes,
      seed: seeds,
      count: fc.integer({ min: 1, max: 5 }),
      kind: fc.constantFrom<Kind[]>("reals", "integers"),
    })
    .map(({ shape, seed, count, kind }) => ({
      inputs: Array.from({ length: count }, (_, i) => floats(shape, seed + i, kind)),
      attrs: {},
    })),
  expected: ({ inputs }) => {
    const tensors = Object.values(inputs) as Values[];
    const sum = (of: (v: number) => number) =>
      tensors[0]!.data.length === 0
        ? new Float64Array()
        : Float64Array.from({ length: tensors[0]!.data.length }, (_, i) =>
            tensors.reduce((s, { data }) => s + of(data[i]!), 0),
          );
    return [
      { shape: tensors[0]!.shape, data: sum((v) => v), within: sum(abs).map((m) => m * sumError(tensors.length)) },
    ];
  },
};

export const cases: readonly KernelCase[] = [...unaryCases, ...binaryCases, ...compareCases, castCase, addNCase];

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  unary: { numbers: [0, 3, 0], arrays: [float32s(3), float32s(3)], sizes: [1, 1] },
  binary: { numbers: [0, 2, 3, 2, 0, 2, 1, 1], arrays: [float32s(6), float32s(2), float32s(6)], sizes: [1, 7] },
  compare: { numbers: [0, 2, 3, 2, 0, 2, 1, 1], arrays: [float32s(6), float32s(2), new Uint8Array(6)], sizes: [1, 7] },
  cast: { numbers: [3], arrays: [new Int32Array(3), float32s(3)], sizes: [0, 0] },
  addSpikes: { numbers: [33], arrays: [words(2), counts(33), counts(33), words(2)], sizes: [0, 0] },
  andBits: { numbers: [33], arrays: [words(2), words(2), words(2)], sizes: [0, 0] },
  notBits: { numbers: [33], arrays: [words(2), words(2)], sizes: [0, 0] },
  maskFloats: { numbers: [33], arrays: [float32s(33), words(2), float32s(33)], sizes: [0, 0] },
};
