import { permutation, random } from "@sew/random";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("permutation", () => {
  it("holds each of 0 to n − 1 once", () =>
    fc.assert(
      fc.property(fc.nat(64), fc.maxSafeInteger(), (n, seed) => {
        expect([...permutation(n, random(seed)).toSorted()]).toEqual(Array.from({ length: n }, (_, i) => i));
      }),
    ));

  it("gives all orders equally often", () => {
    const draws = 6000;
    const counts = new Map<string, number>();
    for (let seed = 0; seed < draws; seed++) {
      const order = String(permutation(3, random(seed)));
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    // Five standard deviations of the binomial.
    const slack = 5 * Math.sqrt(draws * (1 / 6) * (5 / 6));
    for (const count of counts.values()) expect(Math.abs(count - draws / 6)).toBeLessThan(slack);
  });
});
