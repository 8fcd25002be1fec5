import { activity } from "@sew/kernels";
import { describeBackends, read, scoped, spikesOf } from "@sew/kernels/testing";
import { cast, dispose, tensor } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";

/** Values of a kind, in rows of n. */
const rows = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 40 })).chain(([count, n]) =>
  fc
    .oneof(
      spikesOf(count * n),
      fc.array(fc.integer({ min: 0, max: 3 }), { minLength: count * n, maxLength: count * n }),
      fc.array(
        fc.integer({ min: -8, max: 8 }).map((k) => k / 4),
        { minLength: count * n, maxLength: count * n },
      ),
    )
    .map((values) => Array.from({ length: count }, (_, row) => values.slice(row * n, (row + 1) * n))),
);

/** Sums and values of rows. */
function of(values: number[][]): number[][] {
  const x = tensor(values.flat(), [values.length, values[0]!.length]);
  const outputs = activity({ x }, {});
  const found = outputs.map(read);
  dispose([x, ...outputs]);
  return found;
}

describeBackends("activity", () => {
  it("gives the sum of each row, and of all values the range, whether they are whole, and the part that is not 0", () =>
    fc.assert(
      fc.property(rows, (values) => {
        const [sums, [least, most, whole, density] = []] = of(values);
        const all = values.flat();
        expect(sums).toEqual(values.map((row) => row.reduce((a, b) => a + b, 0)));
        expect([least, most]).toEqual([Math.min(...all), Math.max(...all)]);
        expect(whole).toBe(all.every(Number.isInteger) ? 1 : 0);
        expect(density).toBeCloseTo(all.filter((v) => v !== 0).length / all.length, 6);
      }),
    ));

  it("takes NaN for no whole number, and whole numbers beyond 2^23 for such", () => {
    expect(of([[1, Number.NaN, 0]])[1]![2]).toBe(0);
    expect(of([[2 ** 23, 2 ** 24, -(2 ** 31)]])[1]).toEqual([-(2 ** 31), 2 ** 24, 1, 1]);
  });

  it("takes truth values and integers as numbers", () =>
    scoped(() => {
      const x = tensor([1, 0, 1, 0], [1, 4]);
      for (const dtype of ["bool", "int32"] as const) {
        expect(activity({ x: cast(x, dtype) }, {}).map(read)).toEqual([[2], [0, 1, 1, 0.5]]);
      }
    }));
});
