import { activity } from "@sew/kernels";
import { describeBackends, read, scoped, spikesOf } from "@sew/kernels/testing";
import { cast, dispose, tensor } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";

/** A sequence [T, N, P, C] of spikes, counts or quarters, whose sums are exact in float32. */
const sequences = fc.tuple(...[3, 3, 4, 40].map((most) => fc.integer({ min: 1, max: most }))).chain(([t, n, p, c]) => {
  const size = t! * n! * p! * c!;
  const quarters = fc.integer({ min: -8, max: 8 }).map((k) => k / 4);
  const some = (value: fc.Arbitrary<number>) => fc.array(value, { minLength: size, maxLength: size });
  return fc
    .oneof(spikesOf(size), some(fc.integer({ min: 0, max: 3 })), some(quarters))
    .map((values) => ({ values, shape: [t!, n!, p!, c!] }));
});

/** The three outputs as numbers. */
function of(values: number[], shape: number[]): [samples: number[], positions: number[], values: number[]] {
  const x = tensor(values, shape);
  const outputs = activity({ x }, {});
  expect(outputs.map((t) => t.shape)).toEqual([shape.slice(0, 2), shape.slice(2, -1), [4]]);
  const found = outputs.map(read);
  dispose([x, ...outputs]);
  return found as [number[], number[], number[]];
}

const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

describeBackends("activity", () => {
  it("gives sums of samples and of positions, and of all values the range, whether they are whole, and the part not 0", () =>
    fc.assert(
      fc.property(sequences, ({ values, shape: [t, n, p, c] }) => {
        const [samples, positions, [least, most, whole, density]] = of(values, [t!, n!, p!, c!]);
        const sums = (key: (i: number) => number, count: number) =>
          Array.from({ length: count }, (_, k) => total(values.filter((_, i) => key(i) === k)));
        expect(samples).toEqual(sums((i) => Math.floor(i / (p! * c!)), t! * n!));
        expect(positions).toEqual(sums((i) => Math.floor(i / c!) % p!, p!));
        expect([least, most]).toEqual([Math.min(...values), Math.max(...values)]);
        expect(whole).toBe(values.every(Number.isInteger) ? 1 : 0);
        expect(density).toBeCloseTo(values.filter((v) => v !== 0).length / values.length, 6);
      }),
    ));

  it("of features has one sum for all positions", () =>
    expect(of([1, 0, 2, 3], [2, 1, 2])).toEqual([[1, 5], [6], [0, 3, 1, 0.75]]));

  it("takes NaN for no whole number, and whole numbers beyond 2^23 for such", () => {
    expect(of([1, Number.NaN, 0], [1, 1, 3])[2][2]).toBe(0);
    expect(of([2 ** 23, 2 ** 24, -(2 ** 31)], [1, 1, 3])[2]).toEqual([-(2 ** 31), 2 ** 24, 1, 1]);
  });

  it("takes truth values and integers as numbers", () =>
    scoped(() => {
      const x = tensor([1, 0, 1, 0], [1, 1, 4]);
      for (const dtype of ["bool", "int32"] as const) {
        expect(activity({ x: cast(x, dtype) }, {}).map(read)).toEqual([[2], [2], [0, 1, 1, 0.5]]);
      }
    }));
});
