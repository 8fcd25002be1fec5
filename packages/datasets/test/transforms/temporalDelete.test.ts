import { randomTemporalDelete } from "@sew/datasets";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const sizes = fc.integer({ min: 1, max: 40 }).chain((T) => fc.tuple(fc.constant(T), fc.integer({ min: 1, max: T })));

describe("randomTemporalDelete", () => {
  it("keeps distinct time-steps in order", () =>
    fc.assert(
      fc.property(sizes, fc.maxSafeInteger(), ([frames, keep], seed) => {
        const kept = [...randomTemporalDelete(frames, keep, seed)];
        expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
        expect(kept.length).toBe(keep);
        expect(kept.every((step) => Number.isInteger(step) && step >= 0 && step < frames)).toBe(true);
      }),
    ));

  it("depends on the seed alone", () =>
    fc.assert(
      fc.property(sizes, fc.maxSafeInteger(), ([frames, keep], seed) => {
        expect(randomTemporalDelete(frames, keep, seed)).toEqual(randomTemporalDelete(frames, keep, seed));
      }),
    ));

  it("keeps each pair of 4 time-steps equally often", () => {
    const seen = new Map<string, number>();
    for (let seed = 0; seed < 6000; seed++) {
      const key = `${randomTemporalDelete(4, 2, seed)}`;
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    for (const count of seen.values()) expect(Math.abs(count - 1000)).toBeLessThan(150); // 5 deviations
  });

  it.each([
    [0, 1, 0, "frames must be a whole number above 0, got 0"],
    [2.5, 1, 0, "frames must be a whole number above 0, got 2.5"],
    [16, 0, 0, "keep must be a whole number in 1..16, got 0"],
    [16, 17, 0, "keep must be a whole number in 1..16, got 17"],
    [16, 12, 0.5, "seed must be a whole number, got 0.5"],
  ])("refuses (%d, %d, %d)", (frames, keep, seed, says) =>
    expect(() => randomTemporalDelete(frames, keep, seed)).toThrow(new RangeError(`randomTemporalDelete: ${says}`)),
  );
});
