import { normalise } from "@sew/datasets";
import { random } from "@sew/random";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const value = fc.float({ min: -10, max: 10, noNaN: true });
const std = fc.float({ min: 0.125, max: 10, noNaN: true });

describe("normalise", () => {
  it("is (x - mean) / std per channel, or alike for all", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(value, std), { minLength: 1, maxLength: 4 }),
        fc.array(value, { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        (channels, pixels, single) => {
          const of = single ? channels.map(() => channels[0]!) : channels;
          const x = Float32Array.from(pixels.flatMap((pixel) => of.map((_, c) => pixel + c)));
          const transform = single
            ? normalise({ mean: of[0]![0], std: of[0]![1] })
            : normalise({ mean: of.map(([mean]) => mean), std: of.map(([, std]) => std) });
          const shape = [1, pixels.length, 1, of.length];
          expect(transform.shapeOf?.(shape)).toEqual(shape);
          const y = transform.apply(x.slice(), shape, random(0));
          expect(y.length).toBe(x.length);
          y.forEach((found, i) => {
            const [mean, std] = of[i % of.length]!;
            expect(found).toBeCloseTo((x[i]! - mean) / std, 3);
          });
        },
      ),
    ));

  it.each([
    [{ mean: Number.NaN }, "mean must be finite, got null"],
    [{ std: 0 }, "std must be finite and above 0, got 0"],
    [{ std: [1, -1] }, "std must be finite and above 0, got [1,-1]"],
    [{ mean: [] }, "mean must be finite, got []"],
  ])("refuses %j", (wrong, says) =>
    expect(() => normalise({ mean: 0, std: 1, ...wrong })).toThrow(new RangeError(`normalise: ${says}`)),
  );

  it("refuses another number of values than there are channels", () =>
    expect(() => normalise({ mean: [1, 2, 3], std: 1 }).shapeOf?.([1, 4, 4, 2])).toThrow(
      new RangeError("normalise: mean must have 1 or 2 values, one a channel, got 3"),
    ));
});
