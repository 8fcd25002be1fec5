/** @file What properties are drawn from. Numbers are float32, so that a tensor holds exactly what was drawn. */
import * as fc from "fast-check";
import { flushesSubnormals } from "./backends.js";

/** Two float32 that are at least as large differ by a normal number, or not at all. */
const leastWithNormalDifferences = 2 ** -102;

/** A float32 in [min, max]. */
export function float32(min: number, max: number): fc.Arbitrary<number> {
  return fc
    .float({ min: Math.fround(min), max: Math.fround(max), noNaN: true })
    .map((value) => (Math.abs(value) < leastWithNormalDifferences && flushesSubnormals() ? 0 : value));
}

/** From 1 to 16 potentials or currents. */
export const floats: fc.Arbitrary<number[]> = fc.array(float32(-8, 8), { minLength: 1, maxLength: 16 });

/** Exactly n potentials or currents. */
export function floatsOf(n: number): fc.Arbitrary<number[]> {
  return fc.array(float32(-8, 8), { minLength: n, maxLength: n });
}

/** Exactly n spikes, 0 or 1. */
export function spikesOf(n: number): fc.Arbitrary<number[]> {
  return fc.array(fc.constantFrom(0, 1), { minLength: n, maxLength: n });
}

/** A sequence `[T, N]`, row by row, and a potential `[N]` before it. */
export interface Sequence {
  readonly steps: number;
  readonly size: number;
  readonly x: number[];
  readonly v: number[];
}

/** Sequences of 1 to 6 steps of 1 to 8 neurons. */
export const sequences: fc.Arbitrary<Sequence> = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 8 }))
  .chain(([steps, size]) =>
    fc.record({ steps: fc.constant(steps), size: fc.constant(size), x: floatsOf(steps * size), v: floatsOf(size) }),
  );

/** Sizes of a sequence of images `[T, N, H, W, C]`; H and W from 2 to `side`. */
export function imageShapes(channels: number, side = 6): fc.Arbitrary<[number, number, number, number, number]> {
  const upTo = (max: number, min = 1) => fc.integer({ min, max });
  return fc.tuple(upTo(3), upTo(2), upTo(side, 2), upTo(side, 2), fc.constant(channels));
}
