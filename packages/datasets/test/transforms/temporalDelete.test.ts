import { temporalDelete } from "@sew/datasets";
import { random } from "@sew/random";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const sizes = fc.integer({ min: 1, max: 40 }).chain((T) => fc.tuple(fc.constant(T), fc.integer({ min: 1, max: T })));

/** The time-steps kept of a sample whose time-step t holds [t, -t]. */
function kept(frames: number, keep: number, seed: number): number[] {
  const x = Float32Array.from({ length: 2 * frames }, (_, i) => (i % 2 === 0 ? i / 2 : -(i - 1) / 2));
  const shape = [frames, 1, 1, 2];
  const y = temporalDelete({ keep }).apply(x, shape, random(seed));
  expect(temporalDelete({ keep }).shapeOf?.(shape)).toEqual([keep, 1, 1, 2]);
  expect(y.length).toBe(2 * keep);
  return Array.from({ length: keep }, (_, t) => {
    expect(y[2 * t + 1]! + y[2 * t]!).toBe(0);
    return y[2 * t]!;
  });
}

describe("temporalDelete", () => {
  it("keeps whole distinct time-steps in order, the same for the same random numbers", () =>
    fc.assert(
      fc.property(sizes, fc.maxSafeInteger(), ([frames, keep], seed) => {
        const steps = kept(frames, keep, seed);
        expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b));
        expect(steps.every((step) => step >= 0 && step < frames)).toBe(true);
        expect(kept(frames, keep, seed)).toEqual(steps);
      }),
    ));

  it("keeps each pair of 4 time-steps equally often", () => {
    const seen = new Map<string, number>();
    for (let seed = 0; seed < 6000; seed++) {
      const key = `${kept(4, 2, seed)}`;
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    for (const count of seen.values()) expect(Math.abs(count - 1000)).toBeLessThan(150); // 5 deviations
  });

  it("keeps the same time-steps for all samples of a batch", () =>
    expect(temporalDelete({ keep: 1 }).randomness).toBe("batch"));

  it.each([0, 2.5, Number.NaN])("refuses keep = %s", (keep) =>
    expect(() => temporalDelete({ keep })).toThrow(
      new RangeError(`temporalDelete: keep must be an integer of at least 1, got ${keep}`),
    ),
  );

  it("refuses to keep more time-steps than there are", () =>
    expect(() => temporalDelete({ keep: 17 }).shapeOf?.([16, 1, 1, 1])).toThrow(
      new RangeError("temporalDelete: keep must be at most the 16 time-steps of a sample, got 17"),
    ));
});
