import { readFileSync } from "node:fs";
import { type Rectangle, randomResizedCrop, resizedCentreCrop } from "@sew/datasets";
import { random } from "@sew/random";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { showView } from "../../src/transforms/view.js";

const side = fc.integer({ min: 1, max: 700 });
const size = { height: 5, width: 4 };

describe("showView", () => {
  const { height, width, pixels, cases } = JSON.parse(
    readFileSync(new URL("../fixtures/pillowBilinear.json", import.meta.url), "utf8"),
  ) as {
    height: number;
    width: number;
    pixels: number[];
    cases: (Rectangle & { resized: [number, number]; values: number[] })[];
  };

  it.each(cases)("is what Pillow resizes: $height x $width from ($top, $left) to $resized", (one) => {
    const [tall, wide] = one.resized;
    const view = { from: one, height: tall, width: wide, crop: { top: 0, left: 0, height: tall, width: wide } };
    const shown = showView("t", Float32Array.from(pixels), [1, height, width, 1], view);
    expect(shown.length).toBe(one.values.length);
    shown.forEach((value, i) => void expect(value).toBeCloseTo(one.values[i]!, 2));
  });

  it("treats time-steps and channels alike, and crops what it has resized", () =>
    fc.assert(
      fc.property(fc.gen(), (gen) => {
        const [H, W, tall, wide] = [9, 7, 12, 5];
        const top = gen(fc.integer, { min: 0, max: tall - 1 });
        const left = gen(fc.integer, { min: 0, max: wide - 1 });
        const crop = {
          top,
          left,
          height: gen(fc.integer, { min: 1, max: tall - top }),
          width: gen(fc.integer, { min: 1, max: wide - left }),
        };
        const from = { top: 1, left: 2, height: 8, width: 4 };
        const plane = (t: number, c: number) =>
          Float32Array.from(pixels, (value, i) => value + (100 * t + 10 * c) * (i % 3));
        const x = new Float32Array(2 * H * W * 3);
        const each = [0, 1].flatMap((t) => [0, 1, 2].map((c) => ({ t, c })));
        for (const { t, c } of each) {
          for (const [i, value] of plane(t, c).entries()) x[(t * H * W + i) * 3 + c] = value;
        }
        const shown = showView("t", x, [2, H, W, 3], { from, height: tall, width: wide, crop });
        for (const { t, c } of each) {
          const whole = { top: 0, left: 0, height: tall, width: wide };
          const alone = showView("t", plane(t, c), [1, H, W, 1], { from, height: tall, width: wide, crop: whole });
          for (let row = 0; row < crop.height; row++) {
            for (let column = 0; column < crop.width; column++) {
              const found = shown[((t * crop.height + row) * crop.width + column) * 3 + c];
              expect(found).toBe(alone[(top + row) * wide + left + column]);
            }
          }
        }
      }),
    ));
});

describe("resizedCentreCrop", () => {
  const viewOf = (options: Parameters<typeof resizedCentreCrop>[0], rows: number, columns: number) =>
    resizedCentreCrop(options).view!(rows, columns, random(0));

  it.each([
    [375, 500, 256, 341, 16, 58],
    [500, 375, 341, 256, 58, 16],
    [49, 49, 256, 256, 16, 16],
    [2400, 1600, 384, 256, 80, 16],
    [220, 530, 256, 616, 16, 196],
  ])("shows of %i x %i pixels what torchvision does", (rows, columns, height, width, top, left) =>
    expect(viewOf({ height: 224, width: 224, resize: 256 }, rows, columns)).toEqual({
      from: { top: 0, left: 0, height: rows, width: columns },
      height,
      width,
      crop: { top, left, height: 224, width: 224 },
    }),
  );

  it("resizes the shorter side to the very length that is asked for, whatever the image", () =>
    fc.assert(
      fc.property(side, side, fc.integer({ min: 5, max: 300 }), (rows, columns, resize) => {
        const { height, width, crop } = viewOf({ ...size, resize }, rows, columns);
        expect(Math.min(height, width)).toBe(resize);
        expect(crop.top + crop.height).toBeLessThanOrEqual(height);
        expect(crop.left + crop.width).toBeLessThanOrEqual(width);
      }),
      { examples: [[49, 49, 256]] },
    ));

  it("covers the crop as tightly as possible without resize", () =>
    fc.assert(
      fc.property(
        side,
        side,
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 300 }),
        (rows, columns, h, w) => {
          const { height, width } = viewOf({ height: h, width: w }, rows, columns);
          expect(height === h || width === w).toBe(true);
          expect(height).toBeGreaterThanOrEqual(h);
          expect(width).toBeGreaterThanOrEqual(w);
        },
      ),
    ));

  it.each([
    [{ height: 0 }, "height must be an integer of at least 1, got 0"],
    [{ width: 1.5 }, "width must be an integer of at least 1, got 1.5"],
    [{ resize: 4 }, "resize must cover the crop of 5 x 4, got 4"],
  ])("refuses %j", (wrong, says) =>
    expect(() => resizedCentreCrop({ ...size, ...wrong })).toThrow(new RangeError(`resizedCentreCrop: ${says}`)),
  );
});

describe("randomResizedCrop", () => {
  const chosen = (rows: number, columns: number, seed: number, options = {}) =>
    randomResizedCrop({ ...size, ...options }).view!(rows, columns, random(seed));

  it("shows a rectangle in the image, of an area and a ratio in their ranges where one fits", () =>
    fc.assert(
      fc.property(side, side, fc.nat(), (rows, columns, seed) => {
        const { from, ...rest } = chosen(rows, columns, seed);
        expect(rest).toEqual({ ...size, crop: { top: 0, left: 0, ...size } });
        expect(Math.min(from.top, from.left)).toBeGreaterThanOrEqual(0);
        expect(Math.min(from.height, from.width)).toBeGreaterThanOrEqual(1);
        expect(from.top + from.height).toBeLessThanOrEqual(rows);
        expect(from.left + from.width).toBeLessThanOrEqual(columns);
        // Sides are rounded to pixels.
        expect((from.width + 1) / (from.height - 0.5)).toBeGreaterThanOrEqual(3 / 4);
        expect((from.width - 1) / (from.height + 0.5)).toBeLessThanOrEqual(4 / 3);
        const ratio = columns / rows;
        if (ratio > 3 / 4 && ratio < 4 / 3) {
          expect((from.height + 0.5) * (from.width + 0.5)).toBeGreaterThanOrEqual(0.08 * rows * columns);
        }
      }),
    ));

  it("draws areas uniformly, ratios log-uniformly, and places uniformly", () => {
    const runs = 2000;
    const mean = (of: (from: Rectangle) => number, options: object) => {
      let sum = 0;
      for (let seed = 0; seed < runs; seed++) sum += of(chosen(1000, 1000, seed, options).from);
      return sum / runs;
    };
    const within = (found: number, expected: number, deviation: number) =>
      expect(Math.abs(found - expected)).toBeLessThan((5 * deviation) / Math.sqrt(runs) + 1e-3);
    const square = { area: [0.2, 1], ratio: [1, 1] };
    const area = ({ height, width }: Rectangle) => (height * width) / 1e6;
    within(mean(area, square), 0.6, 0.8 / Math.sqrt(12));
    within(
      mean((from) => area(from) ** 2, square),
      (1 - 0.2 ** 3) / 3 / 0.8,
      0.3,
    );
    const log = ({ height, width }: Rectangle) => Math.log(width / height);
    within(mean(log, { area: [0.1, 0.2], ratio: [1 / 4, 4] }), 0, (2 * Math.log(4)) / Math.sqrt(12));
    const small = { area: [0.25, 0.25], ratio: [1, 1] };
    for (const edge of ["top", "left"] as const) {
      within(
        mean((from) => from[edge] / 500, small),
        0.5,
        1 / Math.sqrt(12),
      );
      within(
        mean((from) => (from[edge] / 500) ** 2, small),
        1 / 3,
        0.3,
      );
    }
  });

  it.each([
    [10, 1000, { top: 0, left: 493, height: 10, width: 13 }],
    [1000, 10, { top: 493, left: 0, height: 13, width: 10 }],
  ])("takes the centre of %i x %i pixels, where no draw fits", (rows, columns, from) => {
    for (let seed = 0; seed < 20; seed++) expect(chosen(rows, columns, seed).from).toEqual(from);
  });

  it("applies to frames what it shows of images: [T, H, W, C] becomes [T, height, width, C]", () => {
    const shape = [2, 6, 9, 3];
    const x = Float32Array.from({ length: 2 * 6 * 9 * 3 }, (_, i) => (i * 37) % 101);
    const transform = randomResizedCrop(size);
    expect(transform.shapeOf?.(shape)).toEqual([2, 5, 4, 3]);
    expect(transform.apply(x, shape, random(5))).toEqual(showView("t", x, shape, chosen(6, 9, 5)));
  });

  it.each([
    [{ height: 0 }, "height must be an integer of at least 1, got 0"],
    [{ width: 1.5 }, "width must be an integer of at least 1, got 1.5"],
    [{ area: [0, 1] }, "area must be [min, max] with 0 < min <= max <= 1, got [0, 1]"],
    [{ area: [0.5, 1.1] }, "area must be [min, max] with 0 < min <= max <= 1, got [0.5, 1.1]"],
    [{ ratio: [2, 1] }, "ratio must be [min, max] with 0 < min <= max, got [2, 1]"],
    [{ ratio: [1, Number.POSITIVE_INFINITY] }, "ratio must be [min, max] with 0 < min <= max, got [1, Infinity]"],
  ])("refuses %j", (wrong, says) =>
    expect(() => randomResizedCrop({ ...size, ...(wrong as object) })).toThrow(
      new RangeError(`randomResizedCrop: ${says}`),
    ),
  );
});
