import { describeBackends, expectClose, imageShapes, read, scoped } from "@sew/kernels/testing";
import { avgPool2d, evaluation, globalAvgPool2d, maxPool2d, sequential, voting } from "@sew/layers";
import { describeModule } from "@sew/layers/testing";
import { grad, mul, neg, ones, sum, type Tensor, tensor, zeros } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describeModule("maxPool2d", {
  make: () => maxPool2d(2),
  input: [3, 2, 4, 5, 2],
  output: [3, 2, 2, 2, 2],
  timeless: true,
});
describeModule("avgPool2d", {
  make: () => avgPool2d(3, { stride: 2, padding: 1 }),
  input: [3, 2, 5, 6, 2],
  output: [3, 2, 3, 3, 2],
  timeless: true,
});
describeModule("padded pools", {
  make: () =>
    sequential({
      max: maxPool2d(3, { stride: 2, padding: 1 }),
      mean: avgPool2d(2, { padding: 1, countPadding: false }),
    }),
  input: [3, 2, 5, 6, 2],
  output: [3, 2, 2, 2, 2],
  timeless: true,
});

/** The numbers 1 to 16, row by row. */
const sixteen = () =>
  tensor(
    Array.from({ length: 16 }, (_, i) => i + 1),
    [1, 1, 4, 4, 1],
  );

interface Case {
  readonly height: number;
  readonly width: number;
  readonly size: number;
  readonly stride: number;
  readonly padding: number;
  readonly countPadding: boolean;
  readonly pixels: readonly number[];
}

/** Images of up to 6 x 6 pixels, no two of which are alike, and a pool that fits. */
const cases: fc.Arbitrary<Case> = fc
  .record({
    height: fc.integer({ min: 1, max: 6 }),
    width: fc.integer({ min: 1, max: 6 }),
    size: fc.integer({ min: 1, max: 4 }),
    stride: fc.integer({ min: 1, max: 3 }),
    padding: fc.integer({ min: 0, max: 2 }),
    countPadding: fc.boolean(),
  })
  .filter(({ height, width, size, padding }) => padding <= size / 2 && Math.min(height, width) + 2 * padding >= size)
  .chain((window) => {
    const pixels = Array.from({ length: window.height * window.width }, (_, i) => (i - 20) / 8);
    return fc.shuffledSubarray(pixels, { minLength: pixels.length }).map((pixels): Case => ({ ...window, pixels }));
  });

/** The pixels of each window, row by row; those of the padding are undefined. */
function windowsOf({ height, width, size, stride, padding, pixels }: Case): (number | undefined)[][] {
  const starts = (n: number) =>
    Array.from({ length: Math.floor((n + 2 * padding - size) / stride) + 1 }, (_, i) => i * stride - padding);
  const within = Array.from({ length: size }, (_, i) => i);
  return starts(height).flatMap((top) =>
    starts(width).map((left) =>
      within.flatMap((i) =>
        within.map((j) => {
          const [row, column] = [top + i, left + j];
          const isPixel = row >= 0 && row < height && column >= 0 && column < width;
          return isPixel ? pixels[row * width + column] : undefined;
        }),
      ),
    ),
  );
}

/** Compares a pool with its definition, and its gradient with the sum that the definition is: f(x) = x · ∇f(x). */
function expectPool({ height, width, pixels }: Case, f: (x: Tensor) => Tensor, expected: readonly number[]): void {
  const x = tensor([...pixels], [1, 1, height, width, 1]);
  const y = f(x);
  expectClose(y, expected);
  const weights = tensor(
    expected.map((_, i) => Math.cos(i)),
    y.shape,
  );
  const weighted = (u: Tensor) => sum(mul(f(u), weights));
  expectClose(sum(mul(grad(weighted)(x), x)), weighted(x), { relative: 1e-5, absolute: 1e-5 });
}

const isPixel = (value: number | undefined) => value !== undefined;

describeBackends("maxPool2d", () => {
  it("is the largest pixel of each window, for any window, stride and padding", () =>
    fc.assert(
      fc.property(cases, (drawn) =>
        scoped(() => {
          const expected = windowsOf(drawn).map((window) => Math.max(...window.filter(isPixel)));
          expectPool(drawn, (x) => maxPool2d(drawn.size, drawn).forward(x, evaluation), expected);
        }),
      ),
    ));

  it("takes the largest of each window", () =>
    scoped(() => expect(read(maxPool2d(2).forward(sixteen(), evaluation))).toEqual([6, 8, 14, 16])));

  it("lets windows overlap at a smaller stride", () =>
    scoped(() => expect(read(maxPool2d(3, { stride: 1 }).forward(sixteen(), evaluation))).toEqual([11, 12, 15, 16])));

  it("never chooses the padding, even where all values are negative", () =>
    scoped(() => {
      const y = maxPool2d(3, { stride: 2, padding: 1 }).forward(neg(sixteen()), evaluation);
      expect(read(y)).toEqual([-1, -2, -5, -6]);
    }));

  it("leaves out the row and the column that fill no window", () =>
    scoped(() => expect(maxPool2d(2).forward(zeros([1, 1, 5, 7, 2]), evaluation).shape).toEqual([1, 1, 2, 3, 2])));

  it("keeps spikes binary: 1 where any of the window is", () =>
    fc.assert(
      fc.property(imageShapes(1, 6), fc.integer(), (shape, bits) =>
        scoped(() => {
          const values = Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => (bits >> (i % 31)) & 1);
          for (const y of read(maxPool2d(2).forward(tensor(values, shape), evaluation))) expect([0, 1]).toContain(y);
        }),
      ),
    ));

  it("gives the gradient to the first of equal values, row by row", () =>
    scoped(() => {
      const pooled = grad((x) => maxPool2d(2).forward(x, evaluation));
      expect(read(pooled(ones([1, 1, 2, 2, 1])))).toEqual([1, 0, 0, 0]);
      expect(read(pooled(tensor([0, 1, 1, 1], [1, 1, 2, 2, 1])))).toEqual([0, 1, 0, 0]);
    }));
});

describeBackends("avgPool2d", () => {
  it("is the mean of each window, with its padding as zeros or without it", () =>
    fc.assert(
      fc.property(cases, (drawn) =>
        scoped(() => {
          const expected = windowsOf(drawn).map((window) => {
            const counted = drawn.countPadding ? window : window.filter(isPixel);
            return counted.reduce<number>((total, pixel) => total + (pixel ?? 0), 0) / counted.length;
          });
          expectPool(drawn, (x) => avgPool2d(drawn.size, drawn).forward(x, evaluation), expected);
        }),
      ),
    ));

  it("counts padding by default, as PyTorch's does", () =>
    scoped(() => {
      const corner = (countPadding?: boolean) => {
        const options = { stride: 1, padding: 1, ...(countPadding !== undefined && { countPadding }) };
        return read(avgPool2d(3, options).forward(ones([1, 1, 3, 3, 1]), evaluation))[0];
      };
      expect(corner()).toBeCloseTo(4 / 9, 6);
      expect(corner(true)).toBeCloseTo(4 / 9, 6);
      expect(corner(false)).toBeCloseTo(1, 6);
    }));

  it("takes the mean of each window", () =>
    scoped(() => expectClose(avgPool2d(2).forward(sixteen(), evaluation), [3.5, 5.5, 11.5, 13.5])));

  it("spreads the gradient evenly", () =>
    scoped(() =>
      expectClose(grad((x) => sum(avgPool2d(2).forward(x, evaluation)))(sixteen()), new Array(16).fill(0.25)),
    ));
});

describe.each([
  { name: "maxPool2d", pool: maxPool2d },
  { name: "avgPool2d", pool: avgPool2d },
])("$name's checks", ({ name, pool }) => {
  it("refuses a window, a stride and a padding that are no sizes", () => {
    expect(() => pool(0)).toThrow(new RangeError(`${name}: size must be an integer of at least 1, got 0`));
    expect(() => pool(2, { stride: 0.5 })).toThrow(
      new RangeError(`${name}: stride must be an integer of at least 1, got 0.5`),
    );
    expect(() => pool(2, { padding: -1 })).toThrow(
      new RangeError(`${name}: padding must be an integer of at least 0, got -1`),
    );
  });

  it("refuses windows that hold no pixel, and images smaller than a window", () =>
    scoped(() => {
      expect(() => maxPool2d(2, { padding: 2 })).toThrow(
        new RangeError("maxPool2d: padding must be at most half the window of 2, got 2"),
      );
      expect(() => avgPool2d(7).forward(zeros([1, 1, 4, 4, 1]), evaluation)).toThrow(
        new RangeError("avgPool2d: x must be at least 7 x 7 with its padding, got [1,1,4,4,1] with a padding of 0"),
      );
      expect(() => maxPool2d(3, { padding: 1 }).forward(zeros([1, 1, 4, 0, 1]), evaluation)).toThrow(
        new RangeError("maxPool2d: x must have at least 1 row and 1 column, got [1,1,4,0,1]"),
      );
    }));

  it("refuses a batch of images and says how to make it a sequence", () =>
    scoped(() =>
      expect(() => pool(2).forward(zeros([2, 4, 4, 2]), evaluation)).toThrow(
        new RangeError(`${name}: x must be [T, N, H, W, C], got [2,4,4,2]; add the time axis with expandDims(x, 0)`),
      ),
    ));
});

describeModule("globalAvgPool2d", {
  make: () => globalAvgPool2d(),
  input: [3, 2, 4, 5, 2],
  output: [3, 2, 2],
  timeless: true,
});
describeModule("voting", { make: () => voting(3), input: [3, 2, 6], output: [3, 2, 2], timeless: true });

describeBackends("globalAvgPool2d", () => {
  it("is the mean of each channel's rows and columns, at every step and sample", () =>
    fc.assert(
      fc.property(imageShapes(3), (shape) =>
        scoped(() => {
          const [steps, batch, height, width, channels] = shape;
          const x = tensor(
            Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i)),
            shape,
          );
          const values = read(x);
          const expected = Array.from({ length: steps * batch * channels }, (_, i) => {
            const [image, channel] = [Math.floor(i / channels), i % channels];
            const pixels = Array.from(
              { length: height * width },
              (_, p) => values[(image * height * width + p) * channels + channel]!,
            );
            return pixels.reduce((a, b) => a + b) / pixels.length;
          });
          expectClose(globalAvgPool2d().forward(x, evaluation), expected);
        }),
      ),
    ));

  it("refuses a batch of images without time, and says what to do", () =>
    scoped(() =>
      expect(() => globalAvgPool2d().forward(zeros([2, 4, 4, 3]), evaluation)).toThrow(
        new RangeError(
          "globalAvgPool2d: x must be [T, N, H, W, C], got [2,4,4,3]; add the time axis with expandDims(x, 0)",
        ),
      ),
    ));
});

describeBackends("voting", () => {
  it("lets neighbouring features vote for a class together", () =>
    scoped(() => {
      const x = tensor([1, 0, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0], [2, 1, 6]);
      expectClose(voting(3).forward(x, evaluation), [1 / 3, 1, 0, 1 / 3]);
    }));

  it("refuses features that it does not divide, and images", () =>
    scoped(() => {
      const of = (shape: number[]) => () => voting(4).forward(zeros(shape), evaluation);
      expect(of([2, 1, 6])).toThrow(new RangeError("voting: x must be [T, N, C] with C a multiple of 4, got [2,1,6]"));
      expect(of([2, 1, 2, 2, 4])).toThrow("voting: x must be [T, N, C] with C a multiple of 4, got [2,1,2,2,4]");
      expect(() => voting(0)).toThrow(new RangeError("voting: size must be an integer of at least 1, got 0"));
    }));
});
