import { mixSeed } from "@sew/random";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("mixSeed", () => {
  it("is an integer of 32 bits that depends on nothing but its numbers", () =>
    fc.assert(
      fc.property(fc.array(fc.maxSafeInteger(), { maxLength: 4 }), (numbers) => {
        const seed = mixSeed(...numbers);
        expect(seed).toBe(seed | 0);
        expect(mixSeed(...numbers)).toBe(seed);
      }),
    ));

  it("tells apart how many zeros it gets", () => expect(new Set([mixSeed(), mixSeed(0), mixSeed(0, 0)]).size).toBe(3));

  it("sees the high word of a number", () => expect(mixSeed(2 ** 32)).not.toBe(mixSeed(0)));

  it("tells the steps of a run apart, its epochs and its seeds", () => {
    const seeds = new Set<number>();
    for (let seed = 0; seed < 10; seed++) {
      for (let epoch = 0; epoch < 10; epoch++) {
        for (let step = 0; step < 100; step++) seeds.add(mixSeed(seed, epoch, step));
      }
    }
    // Of 10 000 random numbers of 32 bits, 0.01 pairs are equal on average.
    expect(seeds.size).toBeGreaterThan(9998);
  });
});
