import { frameStrip } from "@sew/analysis";
import * as fc from "fast-check";
import { decode } from "fast-png";
import { describe, expect, it } from "vitest";

const blue = [38, 120, 205];
const orange = [232, 119, 12];
const background = [128, 128, 128, 26];

/** The pixel of a PNG, red to opacity. */
function pixel(png: Uint8Array, x: number, y: number): number[] {
  const { data, width, channels } = decode(png);
  return [...data.slice((y * width + x) * channels, (y * width + x + 1) * channels)];
}

describe("frameStrip", () => {
  it("draws ON blue, OFF orange, both between them, and nothing as the background", () => {
    // One frame, 1 x 4: ON, OFF, both, none.
    const { png, width, height } = frameStrip(Uint16Array.of(0, 2, 2, 0, 1, 1, 0, 0), [1, 1, 4, 2]);
    expect([width, height]).toEqual([4, 1]);
    expect(pixel(png, 0, 0)).toEqual([...blue, 255]);
    expect(pixel(png, 1, 0)).toEqual([...orange, 255]);
    expect(pixel(png, 2, 0)).toEqual([135, 120, 109, 255]);
    expect(pixel(png, 3, 0)).toEqual(background);
  });

  it("puts time from left to right with transparent gaps, and starts a new row after `columns` frames", () => {
    const frames = Uint16Array.of(0, 1, 1, 0, 0, 1);
    const row = frameStrip(frames, [3, 1, 1, 2]);
    expect([row.width, row.height]).toEqual([7, 1]);
    expect([0, 3, 6].map((x) => pixel(row.png, x, 0).slice(0, 3))).toEqual([blue, orange, blue]);
    expect([1, 2, 4, 5].map((x) => pixel(row.png, x, 0)[3])).toEqual([0, 0, 0, 0]);
    const rows = frameStrip(frames, [3, 1, 1, 2], { columns: 2 });
    expect([rows.width, rows.height]).toEqual([4, 4]);
    expect(pixel(rows.png, 0, 3).slice(0, 3)).toEqual(blue);
    expect(pixel(rows.png, 3, 3)).toEqual([0, 0, 0, 0]);
  });

  it("is more opaque for more events, and one hot pixel does not pale the others", () => {
    const frames = new Uint16Array(2 * 100).fill(0);
    for (let i = 0; i < 100; i++) frames[2 * i + 1] = i < 50 ? 1 : 4;
    frames[2 * 99 + 1] = 60_000;
    const { png } = frameStrip(frames, [1, 10, 10, 2]);
    expect([pixel(png, 0, 0)[3], pixel(png, 0, 9)[3], pixel(png, 9, 9)[3]]).toEqual([
      Math.round(255 * (0.35 + 0.65 / 4)),
      255,
      255,
    ]);
  });

  it("decodes to its size for any frames", () =>
    fc.assert(
      fc.property(
        ...([1, 2, 3, 4].map(() => fc.integer({ min: 1, max: 6 })) as [
          fc.Arbitrary<number>,
          fc.Arbitrary<number>,
          fc.Arbitrary<number>,
          fc.Arbitrary<number>,
        ]),
        (t, h, w, columns) => {
          const strip = frameStrip(new Uint16Array(t * h * w * 2), [t, h, w, 2], { columns });
          const { width, height, channels, depth } = decode(strip.png);
          const across = Math.min(t, columns);
          expect([width, height]).toEqual([strip.width, strip.height]);
          expect([width, height]).toEqual([across * (w + 2) - 2, Math.ceil(t / across) * (h + 2) - 2]);
          expect([channels, depth]).toEqual([4, 8]);
        },
      ),
    ));

  it("draws 1 channel as grey and 3 as red, green and blue, 0 black and 1 white", () => {
    const grey = frameStrip([0, 0.2, 1], [1, 1, 3, 1]);
    expect([0, 1, 2].map((x) => pixel(grey.png, x, 0))).toEqual([
      [0, 0, 0, 255],
      [51, 51, 51, 255],
      [255, 255, 255, 255],
    ]);
    const rgb = frameStrip([1, 0.2, 0], [1, 1, 1, 3]);
    expect(pixel(rgb.png, 0, 0)).toEqual([255, 51, 0, 255]);
    expect([grey.range, rgb.range]).toEqual([
      [0, 1],
      [0, 1],
    ]);
  });

  it("draws the mean of any other number of channels as grey", () => {
    const { png, range } = frameStrip([0, 0, 0, 0.8, 1, 1, 1, 1], [1, 1, 2, 4]);
    expect([pixel(png, 0, 0), pixel(png, 1, 0)]).toEqual([
      [51, 51, 51, 255],
      [255, 255, 255, 255],
    ]);
    expect(range).toEqual([0, 1]);
  });

  it("draws values beyond 0 and 1 from the least, black, to the greatest, white", () => {
    const { png, range } = frameStrip([-2, 3, 0], [1, 1, 1, 3]);
    expect(range).toEqual([-2, 3]);
    expect(pixel(png, 0, 0)).toEqual([0, 255, 102, 255]);
  });

  it.each([
    { values: [0, 1], range: [0, 1], why: "0 and 1" },
    { values: [0.4, 0.6], range: [0, 1], why: "values between 0 and 1" },
    { values: [-0.5, 1], range: [-0.5, 1], why: "a value just below 0" },
    { values: [0, 1.5], range: [0, 1.5], why: "a value just above 1" },
    { values: [7, 7], range: [6, 7], why: "one value alone" },
  ])("has the range $range for $why", ({ values, range }) =>
    expect(frameStrip(values, [1, 1, 2, 1]).range).toEqual(range),
  );

  it("clamps to the range that is asked for", () => {
    const { png, range } = frameStrip([-5, 50, 300], [1, 1, 1, 3], { range: [0, 250] });
    expect(range).toEqual([0, 250]);
    expect(pixel(png, 0, 0)).toEqual([0, 51, 255, 255]);
  });

  it("draws any finite values, opaque, from the range that it names", () => {
    const finite = fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(0, 1, 7));
    const many = fc.array(finite, { minLength: 12, maxLength: 12 });
    const single = finite.map((value) => new Array<number>(12).fill(value));
    fc.assert(
      fc.property(fc.constantFrom(1, 3, 4), fc.oneof(many, single), (channels, values) => {
        const { png, range } = frameStrip(values, [1, 1, 12 / channels, channels]);
        const [black, white] = range!;
        expect(black).toBeLessThan(white);
        const drawn = Array.from({ length: 12 / channels }, (_, x) => pixel(png, x, 0));
        expect(drawn.every((rgba) => rgba[3] === 255)).toBe(true);
        if (channels === 4) return;
        values.forEach((value, i) => {
          const level = drawn[Math.floor(i / channels)]![i % channels]!;
          // Half way between two levels, which one it is depends on the order of the operations.
          expect(Math.abs(level - (255 * (value - black)) / (white - black))).toBeLessThanOrEqual(0.5 + 1e-9);
        });
      }),
    );
  });

  it("has no range for events", () => expect(frameStrip([1, 0], [1, 1, 1, 2]).range).toBeUndefined());

  it.each([
    {
      frames: [],
      shape: [0, 1, 1, 2],
      message: "frameStrip: shape must be [T, H, W, C] without zeros, got [0, 1, 1, 2]",
    },
    {
      frames: [0, 0],
      shape: [1, 1, 2],
      message: "frameStrip: shape must be [T, H, W, C] without zeros, got [1, 1, 2]",
    },
    {
      frames: [0, 0],
      shape: [2, 1, 1, 2],
      message: "frameStrip: frames must hold 4 values for [2, 1, 1, 2], got 2",
    },
    {
      frames: [0, -1],
      shape: [1, 1, 1, 2],
      message:
        "frameStrip: frames of 2 channels must hold counts from 0, got -1 at index 1; draw the frames before they are normalised",
    },
    {
      frames: [Number.NaN, 0],
      shape: [1, 1, 1, 2],
      message: "frameStrip: frames must hold finite values, got NaN at index 0",
    },
  ])("refuses frames $frames of shape $shape", ({ frames, shape, message }) =>
    expect(() => frameStrip(frames, shape)).toThrow(new RangeError(message)),
  );

  it("draws longer frames as another picture, each pixel the mean of those it stands for, or the sum of their events", () =>
    fc.assert(
      fc.property(
        fc.record({
          steps: fc.integer({ min: 1, max: 3 }),
          rows: fc.integer({ min: 1, max: 9 }),
          cols: fc.integer({ min: 1, max: 9 }),
          channels: fc.integer({ min: 1, max: 4 }),
          longestSide: fc.integer({ min: 1, max: 9 }),
        }),
        ({ steps, rows, cols, channels, longestSide }) => {
          // Whole numbers of which 36 or fewer add up without rounding, and means of up to 9 x 9 with little.
          const frames = Float64Array.from({ length: steps * rows * cols * channels }, (_, i) => (i * i) % 7);
          const k = Math.ceil(Math.max(rows, cols) / longestSide);
          const [height, width] = [Math.ceil(rows / k), Math.ceil(cols / k)];
          const reduced: number[] = [];
          for (let t = 0; t < steps; t++) {
            for (let y = 0; y < height; y++) {
              for (let x = 0; x < width; x++) {
                for (let c = 0; c < channels; c++) {
                  const block: number[] = [];
                  for (let row = y * k; row < Math.min(rows, (y + 1) * k); row++) {
                    for (let col = x * k; col < Math.min(cols, (x + 1) * k); col++) {
                      block.push(frames[((t * rows + row) * cols + col) * channels + c]!);
                    }
                  }
                  const sum = block.reduce((a, b) => a + b);
                  reduced.push(channels === 2 ? sum : sum / block.length);
                }
              }
            }
          }
          const range = [0, 7] as const;
          const drawn = frameStrip(frames, [steps, rows, cols, channels], { longestSide, range });
          const expected = frameStrip(reduced, [steps, height, width, channels], { range });
          expect([drawn.width, drawn.height]).toEqual([expected.width, expected.height]);
          const [got, wanted] = [drawn, expected].map(({ png }) => decode(png).data);
          got!.forEach((value, i) => {
            expect(Math.abs(value - wanted![i]!)).toBeLessThanOrEqual(1);
          });
        },
      ),
    ));

  it.each([0, -1, 1.5, Number.NaN])("refuses %s columns, or pixels of the longest side", (columns) => {
    expect(() => frameStrip([0, 0], [1, 1, 1, 2], { columns })).toThrow(
      new RangeError(`frameStrip: columns must be an integer of at least 1, got ${columns}`),
    );
    expect(() => frameStrip([0, 0], [1, 1, 1, 2], { longestSide: columns })).toThrow(
      new RangeError(`frameStrip: longestSide must be an integer of at least 1, got ${columns}`),
    );
  });

  it.each([
    [1, 1],
    [1, 0],
    [0, Number.NaN],
  ] as const)("refuses the range from %s to %s", (black, white) =>
    expect(() => frameStrip([0], [1, 1, 1, 1], { range: [black, white] })).toThrow(
      new RangeError(`frameStrip: range must be two finite numbers in ascending order, got [${black}, ${white}]`),
    ),
  );
});
