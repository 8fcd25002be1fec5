/** @file Comparing numbers: one rule for tests and for reference cases. */
import type { Tensor } from "@tensorflow/tfjs-core";

/** How far a number may be from the one expected: `absolute + relative · |expected|`. */
export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** Float32 arithmetic of a few operations. */
export const tight: Tolerance = { relative: 1e-5, absolute: 1e-5 };

/** The values of a tensor, row by row. */
export function read(t: Tensor): number[] {
  return [...t.dataSync()];
}

/** The first difference beyond the tolerance and how many there are, in words; `undefined` when there is none. */
export function difference(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { relative, absolute }: Tolerance = tight,
): string | undefined {
  if (actual.length !== expected.length) return `${actual.length} values where ${expected.length} are expected`;
  const far = Array.from(expected, (_, i) => i).filter((i) => {
    const [a, e] = [actual[i]!, expected[i]!];
    return !(Object.is(a, e) || Math.abs(a - e) <= absolute + relative * Math.abs(e));
  });
  const [first] = far;
  if (first === undefined) return undefined;
  return `${far.length} of ${expected.length} values differ, first [${first}]: ${actual[first]} where ${expected[first]} is expected`;
}

/** Throws unless all values are within the tolerance. Fails on a NaN that is not expected. */
export function expectClose(
  actual: Tensor | ArrayLike<number>,
  expected: Tensor | ArrayLike<number>,
  tolerance: Tolerance = tight,
): void {
  const values = (t: Tensor | ArrayLike<number>) => ("dataSync" in t ? read(t) : t);
  const found = difference(values(actual), values(expected), tolerance);
  if (found !== undefined) throw new Error(found);
}
