import { seeded } from "@sew/layers";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const take = (seed: number, n: number) => {
  const random = seeded(seed);
  return Array.from({ length: n }, () => random());
};

describe("seeded", () => {
  it("depends on the seed alone", () =>
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        expect(take(seed, 20)).toEqual(take(seed, 20));
      }),
    ));

  it("differs from seed to seed", () =>
    fc.assert(
      fc.property(fc.integer({ max: 2 ** 31 - 2 }), (seed) => {
        expect(take(seed, 4)).not.toEqual(take(seed + 1, 4));
      }),
    ));

  it("starts neighbouring seeds at unrelated numbers", () => {
    const n = 2000;
    const firsts = Array.from({ length: n }, (_, seed) => take(seed, 1)[0]! - 0.5);
    const correlation = firsts.slice(1).reduce((sum, u, i) => sum + u * firsts[i]!, 0) / (n / 12);
    expect(Math.abs(correlation)).toBeLessThan(5 / Math.sqrt(n));
  });

  it("stays in [0, 1) and spreads evenly over it", () => {
    const n = 20_000;
    const counts = new Array(10).fill(0);
    for (const u of take(1, n)) {
      expect(u >= 0 && u < 1).toBe(true);
      counts[Math.floor(u * 10)]++;
    }
    // Five standard deviations of the binomial.
    for (const count of counts) expect(Math.abs(count - n / 10)).toBeLessThan(5 * Math.sqrt(n * 0.1 * 0.9));
  });

  it("gives the same numbers for ever: checkpoints and papers rely on them", () =>
    expect(take(0, 2)).toMatchInlineSnapshot(`
      [
        0.2057643415931245,
        0.9150261413431053,
      ]
    `));

  it.each([0.5, Number.NaN, 2 ** 53])("refuses the seed %s", (seed) =>
    expect(() => seeded(seed)).toThrow(new RangeError(`seeded: seed must be an integer, got ${seed}`)),
  );
});
