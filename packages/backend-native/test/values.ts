/** @file Numbers to compute with. They are drawn from a seed, so that a case shrinks in its shapes and not in its digits. */
import * as fc from "fast-check";

/** A tensor outside every backend. */
export interface Values {
  readonly shape: readonly number[];
  readonly dtype: "float32" | "int32" | "bool";
  readonly data: Float32Array | Int32Array | Uint8Array;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Integers in [0, 2^32) from a seed (mulberry32). */
export function integers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** What floating-point code gets wrong: signed zeros, infinities, NaN, the ends of the range, numbers below normal. */
const hard = [
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1, -1, 0.5, -0.5],
  ...[
    2 ** -149,
    -(2 ** -149),
    2 ** -126,
    2 ** 127,
    -(2 ** 127),
    2 ** 24,
    88.5,
    -88.5,
    90,
    -90,
    104,
    -104,
    1 + 2 ** -23,
  ],
];

const kinds = {
  /** -3 ... 3: sums and products of them are exact in float32, so that any order of adding gives the same. */
  integers: (next: () => number) => (next() % 7) - 3,
  /** In (-2, 2), all 24 bits in use. */
  reals: (next: () => number) => (next() / 2 ** 32 - 0.5) * 4,
  /** Of any size between 1e-6 and 1e6, and either sign. */
  wide: (next: () => number) => 10 ** ((next() / 2 ** 32 - 0.5) * 12) * (next() % 2 === 0 ? 1 : -1),
  /** One in two hard, the others real. */
  hard: (next: () => number) => (next() % 2 === 0 ? hard[next() % hard.length]! : (next() / 2 ** 32 - 0.5) * 4),
};

/** How numbers are drawn. */
export type Kind = keyof typeof kinds;

/** Float32 numbers of a shape. */
export function floats(shape: readonly number[], seed: number, kind: Kind): Values {
  const next = integers(seed);
  const draw = kinds[kind];
  return { shape, dtype: "float32", data: Float32Array.from({ length: sizeOf(shape) }, () => draw(next)) };
}

export const seeds: fc.Arbitrary<number> = fc.integer({ min: 0, max: 0xffff });

/** Exact or all bits in use, as often. */
export const sumKinds: fc.Arbitrary<Kind> = fc.constantFrom("integers", "reals");

/** Sizes about the widths of vectors (4, 8, 16), of panels (8, 16, 32) and the heights of tiles (6, 14). */
export const edgeSizes: fc.Arbitrary<number> = fc.constantFrom(
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 28, 29, 31, 32, 33, 40],
);

/** Sizes about `edge`, and small ones. */
export const about = (...edges: number[]): fc.Arbitrary<number> =>
  fc.constantFrom(1, 3, ...edges.flatMap((edge) => [edge - 1, edge, edge + 1]));
