import { describeBackends, expectClose, float32, read, scoped } from "@sew/kernels/testing";
import { type BatchNorm, batchNorm, evaluation, neurons, normNeuron, tdBatchNorm, tdNorms } from "@sew/layers";
import { describeModule } from "@sew/layers/testing";
import { integrateAndFire } from "@sew/neurons";
import {
  add,
  grad,
  mean,
  moments,
  mul,
  randomNormal,
  sum,
  tensor,
  tensor1d,
  variableGrads,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const training = { training: true };

describeModule("tdBatchNorm", {
  make: () => tdBatchNorm(2, { alpha: 0.5, vThreshold: 3 }),
  input: [3, 2, 4, 5, 2],
  output: [3, 2, 4, 5, 2],
  timeless: true,
});

const settings = fc.record({ alpha: float32(0.125, 4), vThreshold: float32(0.125, 4) });

/** Currents [T, N, H, W, C] of different mean and spread in each channel. */
const currents = (seed = 1) =>
  add(mul(randomNormal([4, 2, 3, 3, 2], 0, 1, "float32", seed), tensor1d([5, 0.25])), tensor1d([-3, 40]));

/** Different weights for the values of the output, so that a mixed-up gradient shows. */
const pattern = tensor(
  Array.from({ length: 144 }, (_, i) => Math.sin(i)),
  [4, 2, 3, 3, 2],
);

describeBackends("tdBatchNorm", () => {
  it("gives every channel the standard deviation α·V_th and the mean 0 over T·N·H·W", () =>
    fc.assert(
      fc.property(settings, ({ alpha, vThreshold }) =>
        scoped(() => {
          const y = tdBatchNorm(2, { alpha, vThreshold, epsilon: 1e-8 }).forward(currents(), training);
          const { mean: means, variance } = moments(y, [0, 1, 2, 3]);
          const gain = alpha * vThreshold;
          expectClose(means, [0, 0], { relative: 0, absolute: 1e-4 * gain });
          expectClose(variance, [gain ** 2, gain ** 2], { relative: 1e-3, absolute: 0 });
        }),
      ),
      { numRuns: 20 },
    ));

  it("takes its statistics over time as well: one step alone is not normalised", () =>
    scoped(() => {
      // Step t holds t everywhere: within a step there is nothing to divide by.
      const x = tensor([0, 0, 1, 1, 2, 2], [3, 1, 1, 2, 1]);
      const y = tdBatchNorm(1, { epsilon: 1e-8 }).forward(x, training);
      const step = Math.sqrt(3 / 2);
      expectClose(y, [-step, -step, 0, 0, step, step]);
    }));

  it("is batch norm with α·V_th times the weight, gradients included, in training and evaluation", () =>
    fc.assert(
      fc.property(settings, fc.boolean(), ({ alpha, vThreshold }, isTraining) =>
        scoped(() => {
          const [td, plain] = [tdBatchNorm(2, { alpha, vThreshold }), batchNorm(2)];
          const gain = alpha * vThreshold;
          td.parameters.weight.assign(tensor1d([0.5, -2]));
          plain.parameters.weight.assign(tensor1d([0.5 * gain, -2 * gain]));
          for (const norm of [td, plain]) norm.parameters.bias.assign(tensor1d([1, -1]));
          const context = { training: isTraining };
          const x = currents();
          expectClose(td.forward(x, context), plain.forward(x, context), { relative: 1e-5, absolute: 1e-5 });
          const gradient = (norm: typeof td) => grad((u) => sum(mul(norm.forward(u, context), pattern)))(x);
          const expected = gradient(plain);
          const scale = Math.max(...read(expected).map(Math.abs));
          expectClose(gradient(td), expected, { relative: 1e-4, absolute: 1e-5 * scale });
        }),
      ),
      { numRuns: 20 },
    ));

  it("passes α·V_th times the gradient to its weight", () =>
    scoped(() => {
      const x = currents();
      const dWeight = (norm: BatchNorm) =>
        variableGrads(() => sum(mul(norm.forward(x, training), pattern)), [norm.parameters.weight]).grads;
      const [one] = Object.values(dWeight(tdBatchNorm(2)));
      const [six] = Object.values(dWeight(tdBatchNorm(2, { alpha: 2, vThreshold: 3 })));
      expectClose(six!, mul(one!, 6), { relative: 1e-4, absolute: 1e-4 });
    }));

  it("feeds fused neurons what it feeds single ones", () =>
    scoped(() => {
      const [a, b] = [tdBatchNorm(2, { vThreshold: 0.5 }), tdBatchNorm(2, { vThreshold: 0.5 })];
      const layer = neurons(integrateAndFire, { vThreshold: 0.5 })(2);
      const x = currents();
      const fused = normNeuron(a, layer, x, training);
      const inTurn = layer.forward(b.forward(x, training), training);
      expect(read(fused)).toEqual(read(inTurn));
      expect(new Set(read(fused))).toEqual(new Set([0, 1]));
    }));

  it("makes neurons fire alike at every threshold, as batch norm does not", () =>
    scoped(() => {
      const x = currents();
      const rate = (vThreshold: number, norm = tdBatchNorm(2, { vThreshold })) =>
        read(mean(normNeuron(norm, neurons(integrateAndFire, { vThreshold })(1), x, training)))[0]!;
      expect(rate(8)).toBe(rate(0.5));
      expect(rate(8, batchNorm(2))).toBeLessThan(rate(8));
    }));
});

describe("tdBatchNorm", () => {
  it.each([
    { options: { alpha: 0 }, text: "alpha must be a finite number above 0, got 0" },
    { options: { vThreshold: -1 }, text: "vThreshold must be a finite number above 0, got -1" },
    { options: { vThreshold: Number.NaN }, text: "vThreshold must be a finite number above 0, got NaN" },
  ])("refuses $options", ({ options, text }) =>
    expect(() => tdBatchNorm(2, options)).toThrow(new RangeError(`tdBatchNorm: ${text}`)),
  );

  it("is refused by batchNorm itself when the gain is no number", () =>
    expect(() => batchNorm(2, { gain: Number.POSITIVE_INFINITY })).toThrow(
      new RangeError("batchNorm: gain must be a finite number, got Infinity"),
    ));
});

describeBackends("tdNorms", () => {
  it("keeps the standard deviation of a sum of paths at V_th", () =>
    scoped(() => {
      const norm = tdNorms({ vThreshold: 0.5 });
      const paths = [currents(1), currents(2)].map((x) => norm(2, 2).forward(x, training));
      const { variance } = moments(add(paths[0]!, paths[1]!), [0, 1, 2, 3]);
      const correlation = read(mean(mul(paths[0]!, paths[1]!), [0, 1, 2, 3]));
      expectClose(
        variance,
        correlation.map((c) => 0.25 + 2 * c),
        { relative: 1e-3, absolute: 0 },
      );
      expectClose(norm(2).forward(currents(1), evaluation), mul(currents(1), 0.5), { relative: 1e-4, absolute: 1e-4 });
    }));
});
