import { describeBackends, expectClose, float32, read, scoped } from "@sew/kernels/testing";
import { batchNorm, type Context, evaluation } from "@sew/layers";
import { describeModule } from "@sew/layers/testing";
import { cast, grads, mul, sum, type Tensor, tensor, tensor1d, tensor2d, zeros } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const training: Context = { training: true };

describeModule("batchNorm", {
  make: () => batchNorm(2),
  input: [3, 2, 4, 5, 2],
  output: [3, 2, 4, 5, 2],
  timeless: true,
});

/** At least two rows of two channels. */
const rows = fc.array(fc.tuple(float32(-8, 8), float32(-8, 8)), { minLength: 2, maxLength: 12 });

const meanOf = (xs: number[]) => xs.reduce((a, b) => a + b, 0) / xs.length;
const varianceOf = (xs: number[]) => meanOf(xs.map((x) => (x - meanOf(xs)) ** 2));
const columns = (xs: [number, number][]) => [xs.map(([a]) => a), xs.map(([, b]) => b)] as const;

describeBackends("batchNorm of integers", () => {
  it.each([true, false])("is that of the same numbers, training: %s", (training) =>
    scoped(() => {
      const x = tensor2d(
        [
          [1, 2],
          [5, -3],
          [0, 7],
        ],
        undefined,
        "int32",
      );
      const of = (values: Tensor) => batchNorm(2).forward(values, { training });
      expect(of(x).dtype).toBe("float32");
      expect(read(of(x))).toEqual(read(of(cast(x, "float32"))));
    }),
  );
});

describeBackends("batchNorm in training", () => {
  it("has the batch's mean taken and its root of the biased variance plus ε divided out", () =>
    fc.assert(
      fc.property(rows, (xs) =>
        scoped(() => {
          const y = batchNorm(2, { epsilon: 0.5 }).forward(tensor2d(xs), training);
          const [mean, variance] = [columns(xs).map(meanOf), columns(xs).map(varianceOf)];
          expectClose(
            y,
            xs.flatMap((row) => row.map((x, c) => (x - mean[c]!) / Math.sqrt(variance[c]! + 0.5))),
            { relative: 1e-4, absolute: 1e-5 },
          );
        }),
      ),
    ));

  it("moves the running statistics by the momentum towards the mean and the unbiased variance, as PyTorch does", () =>
    fc.assert(
      fc.property(rows, float32(0.0625, 1), (xs, momentum) =>
        scoped(() => {
          const norm = batchNorm(2, { momentum });
          norm.forward(tensor2d(xs), training);
          const unbiased = columns(xs).map((column) => (varianceOf(column) * xs.length) / (xs.length - 1));
          const tolerance = { relative: 1e-4, absolute: 1e-5 };
          expectClose(
            norm.buffers.runningMean,
            columns(xs).map((column) => momentum * meanOf(column)),
            tolerance,
          );
          expectClose(
            norm.buffers.runningVar,
            unbiased.map((v) => 1 - momentum + momentum * v),
            tolerance,
          );
        }),
      ),
    ));

  it("works out by hand: 1 and 3 become −1 and 1; running mean 0.2, running variance 0.9 + 0.1 · 2", () =>
    scoped(() => {
      const norm = batchNorm(1, { epsilon: 0 });
      expectClose(norm.forward(tensor2d([[1], [3]]), training), [-1, 1]);
      expectClose(norm.buffers.runningMean, [0.2]);
      expectClose(norm.buffers.runningVar, [1.1]);
    }));

  it("has ε = 1e-5 and a momentum of 0.1 unless told", () =>
    scoped(() => {
      const norm = batchNorm(1);
      expect(norm.epsilon).toBe(1e-5);
      // The variance 1e-5 equals ε, so the values are 1/√2 of a deviation away from the mean.
      const d = Math.sqrt(1e-5);
      expectClose(norm.forward(tensor2d([[-d], [d]]), training), [-Math.SQRT1_2, Math.SQRT1_2], {
        relative: 1e-4,
        absolute: 0,
      });
      expectClose(norm.buffers.runningVar, [0.9 + 0.1 * 2e-5]);
    }));

  it("takes time as part of the batch: one mean over T·N·H·W", () =>
    scoped(() => {
      const norm = batchNorm(1, { epsilon: 0, momentum: 1 });
      norm.forward(tensor([0, 0, 0, 0, 4, 4, 4, 4], [2, 1, 2, 2, 1]), training);
      expectClose(norm.buffers.runningMean, [2]);
      expectClose(norm.buffers.runningVar, [(4 * 8) / 7]);
    }));

  it("scales and shifts each channel with weight and bias", () =>
    scoped(() => {
      const norm = batchNorm(2, { epsilon: 0 });
      norm.parameters.weight.assign(tensor1d([2, 3]));
      norm.parameters.bias.assign(tensor1d([10, 20]));
      expectClose(
        norm.forward(
          tensor2d([
            [1, 1],
            [3, 3],
          ]),
          training,
        ),
        [8, 17, 12, 23],
      );
    }));

  it("lets the gradient through the mean and the variance", () =>
    scoped(() => {
      // d/dx of Σ wᵢ yᵢ, by central differences in float64.
      const [xs, ws] = [
        [0.5, -1, 2, 3.5],
        [1, -2, 0.5, 4],
      ];
      const loss = (values: number[]) => {
        const [m, v] = [meanOf(values), varianceOf(values)];
        return values.reduce((total, x, i) => total + (ws[i]! * (x - m)) / Math.sqrt(v + 1e-5), 0);
      };
      const d = 1e-4;
      const numeric = xs.map((_, i) => {
        const at = (step: number) => loss(xs.map((x, j) => (i === j ? x + step : x)));
        return (at(d) - at(-d)) / (2 * d);
      });
      const norm = batchNorm(1);
      const f = (x: Tensor) => sum(mul(norm.forward(x, training), tensor2d(ws, [4, 1])));
      const [dx] = grads(f)([tensor2d(xs, [4, 1])]);
      expectClose(dx!, numeric, { relative: 1e-3, absolute: 1e-4 });
    }));

  it("refuses a single value per channel, which has no variance", () =>
    scoped(() =>
      expect(() => batchNorm(3).forward(zeros([1, 1, 1, 1, 3]), training)).toThrow(
        new RangeError("batchNorm: x must have at least 2 values per channel in training, got [1,1,1,1,3]"),
      ),
    ));
});

describeBackends("batchNorm in evaluation", () => {
  it("uses the running statistics and leaves them alone", () =>
    fc.assert(
      fc.property(rows, (xs) =>
        scoped(() => {
          const norm = batchNorm(2);
          norm.buffers.runningMean.assign(tensor1d([1, -1]));
          norm.buffers.runningVar.assign(tensor1d([4, 0.25]));
          expectClose(
            norm.forward(tensor2d(xs), evaluation),
            xs.flatMap(([a, b]) => [(a - 1) / Math.sqrt(4 + 1e-5), (b + 1) / Math.sqrt(0.25 + 1e-5)]),
          );
          expect(read(norm.buffers.runningMean)).toEqual([1, -1]);
          expect(read(norm.buffers.runningVar)).toEqual([4, 0.25]);
        }),
      ),
    ));

  it("is nearly the identity at the start, whatever the batch", () =>
    scoped(() =>
      expectClose(batchNorm(1).forward(tensor2d([[3], [3], [-7]]), evaluation), [3, 3, -7], {
        relative: 1e-5,
        absolute: 0,
      }),
    ));

  it("takes a single value per channel", () =>
    scoped(() => expectClose(batchNorm(1).forward(zeros([1, 1, 1, 1, 1]), evaluation), [0])));
});

describe("batchNorm's checks", () => {
  it.each([Number.NaN, 2, -1])("refuses a momentum of %s", (momentum) =>
    expect(() => batchNorm(1, { momentum })).toThrow(
      new RangeError(`batchNorm: momentum must be from 0 to 1, got ${momentum}`),
    ),
  );

  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY])("refuses an epsilon of %s", (epsilon) =>
    expect(() => batchNorm(1, { epsilon })).toThrow(
      new RangeError(`batchNorm: epsilon must be a finite number of at least 0, got ${epsilon}`),
    ),
  );

  it("refuses a channel count that is no positive integer", () =>
    expect(() => batchNorm(0)).toThrow(new RangeError("batchNorm: channels must be an integer of at least 1, got 0")));

  it("refuses other channels than its own", () =>
    scoped(() =>
      expect(() => batchNorm(3).forward(zeros([4, 1, 2, 2, 2]), evaluation)).toThrow(
        new RangeError("batchNorm: x must have 3 channels on its last axis, got [4,1,2,2,2]"),
      ),
    ));

  it("refuses a vector, whose one axis could be either", () =>
    scoped(() =>
      expect(() => batchNorm(3).forward(zeros([3]), evaluation)).toThrow(
        new RangeError("batchNorm: x must have 3 channels on its last axis, got [3]"),
      ),
    ));
});
