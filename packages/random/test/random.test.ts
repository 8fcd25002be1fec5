import { random } from "@sew/random";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const take = (n: number, ...seeds: number[]) => {
  const stream = random(...seeds);
  return Array.from({ length: n }, () => stream.uniform());
};

describe("random", () => {
  it("depends on its seeds alone", () =>
    fc.assert(
      fc.property(fc.array(fc.maxSafeInteger(), { maxLength: 3 }), (seeds) => {
        expect(take(20, ...seeds)).toEqual(take(20, ...seeds));
      }),
    ));

  it("depends on the order of its seeds", () =>
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.maxSafeInteger(), (a, b) => {
        fc.pre(a !== b);
        expect(take(4, a, b)).not.toEqual(take(4, b, a));
      }),
    ));

  it("starts neighbouring seeds at unrelated numbers", () => {
    const n = 2000;
    const firsts = Array.from({ length: n }, (_, seed) => take(1, seed)[0]! - 0.5);
    const correlation = firsts.slice(1).reduce((sum, u, i) => sum + u * firsts[i]!, 0) / (n / 12);
    expect(Math.abs(correlation)).toBeLessThan(5 / Math.sqrt(n));
  });

  it("stays in [0, 1) and spreads evenly over it", () => {
    const n = 20_000;
    const counts = new Array(10).fill(0);
    for (const u of take(n, 1)) {
      expect(u >= 0 && u < 1).toBe(true);
      counts[Math.floor(u * 10)]++;
    }
    // Five standard deviations of the binomial.
    for (const count of counts) expect(Math.abs(count - n / 10)).toBeLessThan(5 * Math.sqrt(n * 0.1 * 0.9));
  });

  it("draws integers evenly from 0 to n − 1, and numbers between the bounds", () => {
    const stream = random(3);
    const counts = [0, 0, 0];
    for (let i = 0; i < 3000; i++) counts[stream.int(3)]!++;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(5 * Math.sqrt(3000 * (1 / 3) * (2 / 3)));
    for (let i = 0; i < 100; i++) {
      const u = stream.uniform(-2, 3);
      expect(u >= -2 && u < 3).toBe(true);
    }
  });

  it("draws normal numbers of mean 0 and deviation 1", () => {
    const stream = random(5);
    const n = 20_000;
    const draws = Array.from({ length: n }, () => stream.normal());
    const mean = draws.reduce((a, b) => a + b) / n;
    const variance = draws.reduce((sum, z) => sum + (z - mean) ** 2, 0) / n;
    // Five standard deviations of the estimates.
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
  });

  it("gives the same numbers for ever: checkpoints and papers rely on them", () =>
    expect([take(2, 0), random(0).int(1000), random(1, 2).normal()]).toMatchInlineSnapshot(`
      [
        [
          0.633541033919261,
          0.18114231638480616,
        ],
        827,
        -2.6693324253434727,
      ]
    `));

  it.each([0.5, Number.NaN, 2 ** 53])("refuses the seed %s", (seed) =>
    expect(() => random(seed)).toThrow(new RangeError(`random: seed must be an integer, got ${seed}`)),
  );
});
