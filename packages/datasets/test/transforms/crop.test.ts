import { centreCrop, randomCrop, type Transform } from "@sew/datasets";
import { random } from "@sew/random";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

/** A sample of two time-steps and channels whose values say where they are: t, y, x and c as digits, and 1 in front. */
function places(H: number, W: number): { x: Float32Array; shape: readonly number[] } {
  const shape = [2, H, W, 2];
  const x = Float32Array.from({ length: 4 * H * W }, (_, i) => {
    const [c, column, row, t] = [i % 2, (i >> 1) % W, Math.floor((i >> 1) / W) % H, Math.floor(i / (2 * H * W))];
    return 1e6 + 1e5 * t + 1e3 * row + 10 * column + c;
  });
  return { x, shape };
}

/** The first row and column of the crop; checks that all of it lies there, at every time-step and channel. */
function placeOf(transform: Transform, H: number, W: number, seed: number): [row: number, column: number] {
  const { x, shape } = places(H, W);
  const [, height = 0, width = 0] = transform.shapeOf?.(shape) ?? [];
  expect(transform.shapeOf?.(shape)).toEqual([2, height, width, 2]);
  const y = transform.apply(x.slice(), shape, random(seed));
  expect(y.length).toBe(4 * height * width);
  const inside = y.findIndex((value) => value !== 0);
  if (inside < 0) return [Number.NaN, Number.NaN];
  const offset = inside >> 1;
  const value = y[inside]! - 1e6;
  const top = Math.floor((value % 1e5) / 1e3) - (Math.floor(offset / width) % height);
  const left = Math.floor((value % 1e3) / 10) - (offset % width);
  y.forEach((found, i) => {
    const [c, column, row, t] = [
      i % 2,
      (i >> 1) % width,
      Math.floor((i >> 1) / width) % height,
      Math.floor(i / (2 * height * width)),
    ];
    const [sourceRow, sourceColumn] = [row + top, column + left];
    const there = sourceRow >= 0 && sourceRow < H && sourceColumn >= 0 && sourceColumn < W;
    expect(found).toBe(there ? 1e6 + 1e5 * t + 1e3 * sourceRow + 10 * sourceColumn + c : 0);
  });
  return [top, left];
}

const sides = fc.integer({ min: 1, max: 7 });

describe("randomCrop", () => {
  it("cuts a rectangle out of the padded picture, zeros around it, at the same place for all time-steps", () =>
    fc.assert(
      fc.property(sides, sides, fc.nat(3), fc.nat(), fc.gen(), (H, W, padding, seed, gen) => {
        const height = gen(fc.integer, { min: 1, max: H + 2 * padding });
        const width = gen(fc.integer, { min: 1, max: W + 2 * padding });
        const [top, left] = placeOf(randomCrop({ height, width, padding }), H, W, seed);
        if (Number.isNaN(top)) return; // only padding
        expect(top).toBeGreaterThanOrEqual(-padding);
        expect(top).toBeLessThanOrEqual(H + padding - height);
        expect(left).toBeGreaterThanOrEqual(-padding);
        expect(left).toBeLessThanOrEqual(W + padding - width);
      }),
    ));

  it("cuts at each place equally often", () => {
    const seen = new Map<string, number>();
    const transform = randomCrop({ height: 3, width: 4, padding: 1 });
    for (let seed = 0; seed < 1800; seed++) {
      const key = `${placeOf(transform, 3, 4, seed)}`;
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    expect(seen.size).toBe(9);
    for (const count of seen.values()) expect(Math.abs(count - 200)).toBeLessThan(70); // 5 deviations
  });

  it.each([
    [{ height: 0 }, "height must be an integer of at least 1, got 0"],
    [{ width: 1.5 }, "width must be an integer of at least 1, got 1.5"],
    [{ padding: -1 }, "padding must be an integer of at least 0, got -1"],
  ])("refuses %j", (wrong, says) =>
    expect(() => randomCrop({ height: 2, width: 2, ...wrong })).toThrow(new RangeError(`randomCrop: ${says}`)),
  );

  it("refuses a rectangle larger than the padded picture, and samples that are no pictures", () => {
    const { shapeOf } = randomCrop({ height: 7, width: 6, padding: 1 });
    expect(() => shapeOf?.([1, 4, 4, 2])).toThrow(
      new RangeError("randomCrop: height and width must fit into 6 rows and 6 columns, got 7 and 6"),
    );
    expect(() => shapeOf?.([5, 4])).toThrow(
      new RangeError("randomCrop: samples must have a shape [T, H, W, C], got [5, 4]"),
    );
  });
});

describe("centreCrop", () => {
  // (H - height) / 2, halves to even: 0.5, 1.5, 2.5 and 3.5 become 0, 2, 2 and 4, as Python's round does.
  it.each([
    [4, 4, 0],
    [5, 4, 0],
    [6, 4, 1],
    [7, 4, 2],
    [9, 4, 2],
    [11, 4, 4],
    [256, 224, 16],
  ])("cuts %d rows to %d from row %d on", (H, height, top) => {
    const column = Float32Array.from({ length: H }, (_, row) => row);
    const row = centreCrop({ height, width: 1 }).apply(column.slice(), [1, H, 1, 1], random(0));
    expect(row).toEqual(column.subarray(top, top + height));
    expect(centreCrop({ height: 1, width: height }).apply(column.slice(), [1, 1, H, 1], random(0))).toEqual(row);
  });

  it("cuts all time-steps and channels at the same place", () =>
    expect(placeOf(centreCrop({ height: 2, width: 3 }), 6, 7, 0)).toEqual([2, 2]));

  it("refuses a rectangle larger than the picture", () =>
    expect(() => centreCrop({ height: 5, width: 4 }).shapeOf?.([1, 4, 4, 2])).toThrow(
      new RangeError("centreCrop: height and width must fit into 4 rows and 4 columns, got 5 and 4"),
    ));
});
