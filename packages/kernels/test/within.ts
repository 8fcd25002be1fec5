import { read } from "@sew/kernels/testing";
import type { Tensor } from "@tensorflow/tfjs-core";
import { expect } from "vitest";

/** A result in float64, and a magnitude that its float32 roundings are in proportion to. */
export interface Exact {
  readonly value: number;
  readonly magnitude: number;
}

/** The relative error of one float32 rounding. */
export const rounding: number = 2 ** -24;

/** Throws unless every value is that of float64 but for so many float32 roundings of its magnitude. */
export function expectWithin(actual: Tensor, exact: readonly Exact[], roundings: number): void {
  const values = read(actual);
  expect(values.length).toBe(exact.length);
  for (const [i, { value, magnitude }] of exact.entries()) {
    // Numbers below 2^-126 have rounding errors out of proportion, which a division by a small ε makes larger.
    const bound = roundings * rounding * magnitude + 2 ** -100;
    expect(Math.abs(values[i]! - value), `[${i}] is ${values[i]} instead of ${value}`).toBeLessThanOrEqual(bound);
  }
}
