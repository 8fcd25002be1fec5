import { describeBackends, expectClose, imageShapes, read, scoped } from "@sew/kernels/testing";
import { conv2d, evaluation, seeded } from "@sew/layers";
import { describeModule } from "@sew/layers/testing";
import { random } from "@sew/random";
import {
  add,
  conv2d as convolve,
  grad,
  mul,
  ones,
  type Scalar,
  square,
  sum,
  type Tensor4D,
  tensor,
  variable,
  variableGrads,
  zeros,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describeModule("conv2d", {
  make: () => conv2d(2, 3),
  input: [3, 2, 6, 5, 2],
  output: [3, 2, 6, 5, 3],
  timeless: true,
});

/** Convolution by its definition: seven loops. A group's channels are those from `first` on. */
function byDefinition(
  x: number[][][],
  w: number[][][][],
  stride: number,
  padding: number,
  dilation = 1,
  groups = 1,
): number[] {
  const [height, width, kernel] = [x.length, x[0]!.length, w.length];
  const [inChannels, outChannels] = [w[0]![0]!.length, w[0]![0]![0]!.length];
  const out = (n: number) => Math.floor((n + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
  const y: number[] = [];
  for (let i = 0; i < out(height); i++)
    for (let j = 0; j < out(width); j++)
      for (let k = 0; k < outChannels; k++) {
        let total = 0;
        for (let a = 0; a < kernel; a++)
          for (let b = 0; b < kernel; b++)
            for (let c = 0; c < inChannels; c++) {
              const first = inChannels * Math.floor((k * groups) / outChannels);
              const pixel = x[i * stride + a * dilation - padding]?.[j * stride + b * dilation - padding];
              total += (pixel?.[first + c] ?? 0) * w[a]![b]![c]![k]!;
            }
        y.push(total);
      }
  return y;
}

describeBackends("conv2d", () => {
  it("says how its kernel lies, defaults included", () =>
    expect(conv2d(4, 4, { kernel: 5, dilation: 2, groups: 2 }).geometry).toEqual({
      kernel: 5,
      stride: 1,
      padding: 4,
      dilation: 2,
      groups: 2,
    }));

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
            const conv = conv2d(2, 3, { kernel, stride, padding, random: random(7) });
            const image = Array.from({ length: height }, (_, i) =>
              Array.from({ length: width }, (_, j) => [Math.sin(i + 2 * j), Math.cos(3 * i - j)]),
            );
            const x = tensor(Array.from({ length: steps }, () => Array.from({ length: batch }, () => image)));
            const weight = conv.parameters.weight;
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
      conv.parameters.weight.assign(ones([3, 3, 1, 1]));
      expect(read(conv.forward(ones([1, 1, 3, 3, 1]), evaluation))).toEqual([4, 6, 4, 6, 9, 6, 4, 6, 4]);
    }));

  it("does not flip the kernel, as PyTorch and TensorFlow do not", () =>
    scoped(() => {
      const conv = conv2d(1, 1, { kernel: 2, padding: 0 });
      conv.parameters.weight.assign(tensor([1, 2, 3, 4], [2, 2, 1, 1]));
      expect(read(conv.forward(tensor([1, 0, 0, 0], [1, 1, 2, 2, 1]), evaluation))).toEqual([1]);
    }));

  it("has the gradients of TensorFlow.js's conv2d, with time and samples in one batch", () =>
    scoped(() => {
      const conv = conv2d(2, 3, { stride: 2 });
      const weight = conv.parameters.weight as unknown as Tensor4D;
      const values = Array.from({ length: 3 * 2 * 5 * 5 * 2 }, (_, i) => Math.sin(i));
      const [x, folded] = [tensor(values, [3, 2, 5, 5, 2]), tensor(values, [6, 5, 5, 2]) as Tensor4D];
      expectClose(
        grad((u) => sum(conv.forward(u, evaluation)))(x),
        grad((u) => sum(convolve(u as Tensor4D, weight, 2, 1)))(folded),
      );
    }));

  it("starts from weights uniform in ±1/√(kernel² · inChannels) that the source of randomness fixes", () =>
    scoped(() => {
      const weights = (seed: number) => read(conv2d(8, 16, { random: random(seed) }).parameters.weight);
      const bound = 1 / Math.sqrt(9 * 8);
      const [a, b, c] = [weights(1), weights(1), weights(2)];
      expect(a).toEqual(b);
      expect(a).not.toEqual(c);
      expect(Math.max(...a.map(Math.abs))).toBeLessThanOrEqual(bound);
      expect(Math.max(...a.map(Math.abs))).toBeGreaterThan(0.95 * bound);
      expect(Math.abs(a.reduce((s, w) => s + w, 0) / a.length)).toBeLessThan(0.1 * bound);
    }));
});

describeModule("conv2d with dilation and groups", {
  make: () => conv2d(4, 6, { dilation: 2, groups: 2 }),
  input: [3, 2, 6, 5, 4],
  output: [3, 2, 6, 5, 6],
  timeless: true,
});
describeModule("depthwise conv2d", {
  make: () => conv2d(3, 6, { stride: 2, groups: 3 }),
  input: [3, 2, 6, 5, 3],
  output: [3, 2, 3, 3, 6],
  timeless: true,
});

describeBackends("conv2d with dilation and groups", () => {
  const channels = fc.constantFrom(
    { from: 4, to: 6, groups: 2 },
    { from: 3, to: 3, groups: 3 },
    { from: 2, to: 4, groups: 2 },
  );
  const shapes = fc.record({
    height: fc.integer({ min: 5, max: 7 }),
    width: fc.integer({ min: 5, max: 7 }),
    kernel: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 2 }),
    dilation: fc.integer({ min: 1, max: 2 }),
    padding: fc.integer({ min: 0, max: 2 }),
    channels: fc.oneof(fc.constant({ from: 2, to: 3, groups: 1 }), channels),
  });
  const image = (height: number, width: number, depth: number) =>
    Array.from({ length: height }, (_, i) =>
      Array.from({ length: width }, (_, j) => Array.from({ length: depth }, (_, c) => Math.sin(i + 2 * j + 3 * c))),
    );

  it("is the sum over the taps of the kernel in its group's channels", () =>
    fc.assert(
      fc.property(shapes, ({ height, width, channels: { from, to, groups }, ...options }) =>
        scoped(() => {
          const conv = conv2d(from, to, { ...options, groups, random: random(3) });
          const pixels = image(height, width, from);
          const weight = conv.parameters.weight.arraySync() as number[][][][];
          const { stride, padding, dilation } = options;
          const expected = byDefinition(pixels, weight, stride, padding, dilation, groups);
          expectClose(conv.forward(tensor([[pixels]]), evaluation), expected);
        }),
      ),
      { numRuns: 40 },
    ));

  it("has the gradients of that sum, which is linear in x and in the weight", () =>
    fc.assert(
      fc.property(shapes, ({ height, width, channels: { from, to, groups }, ...options }) =>
        scoped(() => {
          const conv = conv2d(from, to, { ...options, groups, random: random(3) });
          const x = variable(tensor([[image(height, width, from)]]));
          const weight = conv.parameters.weight;
          const loss = () => sum(square(conv.forward(x, evaluation))) as Scalar;
          const { value, grads } = variableGrads(loss, [x, weight]);
          // Euler: a function that is quadratic in x, and in w, is half of x · dL/dx, and of w · dL/dw.
          for (const of of [x, weight]) {
            expectClose(mul(0.5, sum(mul(of, grads[of.name]!))), value, { relative: 1e-4, absolute: 1e-5 });
          }
        }),
      ),
      { numRuns: 30 },
    ));

  it("has a weight of each group's channels", () =>
    scoped(() => {
      expect(conv2d(4, 6, { groups: 2 }).parameters.weight.shape).toEqual([3, 3, 2, 6]);
      expect(conv2d(4, 8, { kernel: 5, groups: 4 }).parameters.weight.shape).toEqual([5, 5, 1, 8]);
    }));

  it("keeps the size at stride 1 whatever the dilation", () =>
    scoped(() =>
      expect(conv2d(1, 1, { dilation: 3 }).forward(zeros([1, 1, 9, 8, 1]), evaluation).shape).toEqual([1, 1, 9, 8, 1]),
    ));
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
      const [plain, biased] = [seeded(0, () => conv2d(2, 3)), seeded(0, () => conv2d(2, 3, { bias: true }))];
      const x = ones([1, 2, 4, 4, 2]);
      expect(read(biased.forward(x, evaluation))).toEqual(read(plain.forward(x, evaluation)));
      biased.parameters.bias.assign(tensor([1, 2, 3]));
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

  it("refuses groups that do not divide the channels", () =>
    expect(() => conv2d(4, 6, { groups: 4 })).toThrow(
      new RangeError("conv2d: groups must divide inChannels 4 and outChannels 6, got 4"),
    ));

  it("refuses images smaller than its kernel", () =>
    scoped(() =>
      expect(() => conv2d(1, 1, { kernel: 7, padding: 0 }).forward(zeros([1, 1, 4, 4, 1]), evaluation)).toThrow(
        new RangeError("conv2d: x must be at least 7 x 7 with its padding, got [1,1,4,4,1] with a padding of 0"),
      ),
    ));

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
