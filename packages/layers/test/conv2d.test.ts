import { conv2d, evaluation, seeded } from "@sew/layers";
import { describeBackends, describeModule, expectClose, imageShapes, read, scoped } from "@sew/testing";
import { add, conv2d as convolve, grad, ones, sum, type Tensor4D, tensor, zeros } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describeModule("conv2d", {
  make: () => conv2d(2, 3),
  input: [3, 2, 6, 5, 2],
  output: [3, 2, 6, 5, 3],
  timeless: true,
});

/** Convolution by its definition: seven loops. */
function byDefinition(x: number[][][], w: number[][][][], stride: number, padding: number): number[] {
  const [height, width, kernel] = [x.length, x[0]!.length, w.length];
  const [inChannels, outChannels] = [x[0]![0]!.length, w[0]![0]![0]!.length];
  const out = (n: number) => Math.floor((n + 2 * padding - kernel) / stride) + 1;
  const y: number[] = [];
  for (let i = 0; i < out(height); i++)
    for (let j = 0; j < out(width); j++)
      for (let k = 0; k < outChannels; k++) {
        let total = 0;
        for (let a = 0; a < kernel; a++)
          for (let b = 0; b < kernel; b++)
            for (let c = 0; c < inChannels; c++)
              total += (x[i * stride + a - padding]?.[j * stride + b - padding]?.[c] ?? 0) * w[a]![b]![c]![k]!;
        y.push(total);
      }
  return y;
}

describeBackends("conv2d", () => {
  it("is the sum over the kernel, for any kernel, stride and padding", () =>
    fc.assert(
      fc.property(
        imageShapes(2, 7),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 2 }),
        fc.integer({ min: 0, max: 2 }),
        ([steps, batch, height, width], kernel, stride, padding) => {
          fc.pre(Math.min(height, width) + 2 * padding >= kernel);
          scoped(() => {
            const conv = conv2d(2, 3, { kernel, stride, padding, random: seeded(7) });
            const image = Array.from({ length: height }, (_, i) =>
              Array.from({ length: width }, (_, j) => [Math.sin(i + 2 * j), Math.cos(3 * i - j)]),
            );
            const x = tensor(Array.from({ length: steps }, () => Array.from({ length: batch }, () => image)));
            const weight = conv.parameters!.weight!;
            const expected = byDefinition(image, weight.arraySync() as number[][][][], stride, padding);
            const y = read(conv.forward(x, evaluation));
            expect(y).toHaveLength(steps * batch * expected.length);
            expectClose(y.slice(-expected.length), expected);
            weight.dispose();
          });
        },
      ),
      { numRuns: 40 },
    ));

  it("works out by hand: the middle of a 3x3 of ones sees 9 inputs, its corner 4, its edge 6", () =>
    scoped(() => {
      const conv = conv2d(1, 1);
      conv.parameters!.weight!.assign(ones([3, 3, 1, 1]));
      expect(read(conv.forward(ones([1, 1, 3, 3, 1]), evaluation))).toEqual([4, 6, 4, 6, 9, 6, 4, 6, 4]);
    }));

  it("does not flip the kernel, as PyTorch and TensorFlow do not", () =>
    scoped(() => {
      const conv = conv2d(1, 1, { kernel: 2, padding: 0 });
      conv.parameters!.weight!.assign(tensor([1, 2, 3, 4], [2, 2, 1, 1]));
      expect(read(conv.forward(tensor([1, 0, 0, 0], [1, 1, 2, 2, 1]), evaluation))).toEqual([1]);
    }));

  it("has the gradients of TensorFlow.js's conv2d, with time and samples in one batch", () =>
    scoped(() => {
      const conv = conv2d(2, 3, { stride: 2 });
      const weight = conv.parameters!.weight! as unknown as Tensor4D;
      const values = Array.from({ length: 3 * 2 * 5 * 5 * 2 }, (_, i) => Math.sin(i));
      const [x, folded] = [tensor(values, [3, 2, 5, 5, 2]), tensor(values, [6, 5, 5, 2]) as Tensor4D];
      expectClose(
        grad((u) => sum(conv.forward(u, evaluation)))(x),
        grad((u) => sum(convolve(u as Tensor4D, weight, 2, 1)))(folded),
      );
    }));

  it("starts from weights uniform in ±1/√(kernel² · inChannels) that the source of randomness fixes", () =>
    scoped(() => {
      const weights = (seed: number) => read(conv2d(8, 16, { random: seeded(seed) }).parameters!.weight!);
      const bound = 1 / Math.sqrt(9 * 8);
      const [a, b, c] = [weights(1), weights(1), weights(2)];
      expect(a).toEqual(b);
      expect(a).not.toEqual(c);
      expect(Math.max(...a.map(Math.abs))).toBeLessThanOrEqual(bound);
      expect(Math.max(...a.map(Math.abs))).toBeGreaterThan(0.95 * bound);
      expect(Math.abs(a.reduce((s, w) => s + w, 0) / a.length)).toBeLessThan(0.1 * bound);
    }));
});

describeModule("conv2d with a bias", {
  make: () => conv2d(2, 3, { bias: true }),
  input: [3, 2, 6, 5, 2],
  output: [3, 2, 6, 5, 3],
  timeless: true,
});

describeBackends("conv2d with a bias", () => {
  it("adds one number to each channel, 0 at the start", () =>
    scoped(() => {
      const [plain, biased] = [conv2d(2, 3), conv2d(2, 3, { bias: true })];
      const x = ones([1, 2, 4, 4, 2]);
      expect(read(biased.forward(x, evaluation))).toEqual(read(plain.forward(x, evaluation)));
      biased.parameters!.bias!.assign(tensor([1, 2, 3]));
      expectClose(biased.forward(x, evaluation), add(plain.forward(x, evaluation), [1, 2, 3]));
    }));
});

describe("conv2d's checks", () => {
  const conv = () => conv2d(2, 3);

  it.each([
    { name: "inChannels", make: () => conv2d(0, 3), least: 1, got: 0 },
    { name: "outChannels", make: () => conv2d(2, 1.5), least: 1, got: 1.5 },
    { name: "kernel", make: () => conv2d(2, 3, { kernel: 0 }), least: 1, got: 0 },
    { name: "stride", make: () => conv2d(2, 3, { stride: -1 }), least: 1, got: -1 },
    { name: "padding", make: () => conv2d(2, 3, { padding: -1 }), least: 0, got: -1 },
    { name: "padding", make: () => conv2d(2, 3, { padding: Number.NaN }), least: 0, got: Number.NaN },
  ])("refuses $name = $got", ({ name, make, least, got }) =>
    expect(make).toThrow(new RangeError(`conv2d: ${name} must be an integer of at least ${least}, got ${got}`)),
  );

  it("refuses a batch of images and says how to make it a sequence", () =>
    scoped(() =>
      expect(() => conv().forward(zeros([2, 4, 4, 2]), evaluation)).toThrow(
        new RangeError("conv2d: x must be [T, N, H, W, C], got [2,4,4,2]; add the time axis with expandDims(x, 0)"),
      ),
    ));

  it("refuses other ranks", () =>
    scoped(() =>
      expect(() => conv().forward(zeros([2, 4]), evaluation)).toThrow(
        new RangeError("conv2d: x must be [T, N, H, W, C], got [2,4]"),
      ),
    ));

  it("refuses a sequence of no steps", () =>
    scoped(() =>
      expect(() => conv().forward(zeros([0, 1, 4, 4, 2]), evaluation)).toThrow(
        new RangeError("conv2d: x must have at least 1 time-step, got [0,1,4,4,2]"),
      ),
    ));

  it("refuses other channels than its own", () =>
    scoped(() =>
      expect(() => conv().forward(zeros([1, 1, 4, 4, 3]), evaluation)).toThrow(
        new RangeError("conv2d: x must have 2 channels, got 3 in [1,1,4,4,3]"),
      ),
    ));
});
