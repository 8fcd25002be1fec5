import { describeBackends, expectClose, float32, floatsOf, read, scoped } from "@sew/kernels/testing";
import { type MaskedPsnParams, maskedPsn, parallelNeuron, psn } from "@sew/neurons";
import { describeParallelNeuron } from "@sew/neurons/testing";
import { grads, mul, ones, scalar, sum, type Tensor, tensor2d, variable } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describeParallelNeuron(
  maskedPsn,
  fc
    .record({
      steps: fc.integer({ min: 1, max: 6 }),
      order: fc.integer({ min: 1, max: 7 }),
      lambda: fc.oneof(fc.constant(1), float32(0, 0.875)),
    })
    .map((params): { params: MaskedPsnParams; steps: number } => ({ params, steps: params.steps })),
);

const weights = () => ({
  weight: tensor2d([
    [0.5, -0.25, 1],
    [1, 0.75, -0.5],
    [0.25, 0.5, 0.9],
  ]),
  bias: tensor2d([[-1], [-0.5], [-0.25]]),
});

describeBackends("maskedPsn", () => {
  it("has the mask 1000 1100 0110 0011 for T = 4 and k = 2", () =>
    scoped(() => {
      const rows = maskedPsn.rows(ones([4, 4]), { steps: 4, order: 2, lambda: 1 }, 0, 4);
      expect(rows.arraySync()).toEqual([
        [1, 0, 0, 0],
        [1, 1, 0, 0],
        [0, 1, 1, 0],
        [0, 0, 1, 1],
      ]);
    }));

  it("keeps 1 − λ of what the mask takes", () =>
    scoped(() => {
      const rows = maskedPsn.rows(ones([2, 2]), { steps: 2, order: 1, lambda: 0.75 }, 0, 2);
      expect(rows.arraySync()).toEqual([
        [1, 0.25],
        [0.25, 1],
      ]);
    }));

  it("has the spikes and gradients of SpikingJelly's MaskedPSN: k = 2, λ = 0.4", () =>
    scoped(() => {
      const { weight, bias } = weights();
      const x = tensor2d([
        [0.8, 2],
        [0.7, -1],
        [0.5, 0.4],
      ]);
      const dS = tensor2d([
        [1, 0.5],
        [2, -1],
        [0.25, 3],
      ]);
      const neuron = parallelNeuron(maskedPsn, { steps: 3, order: 2, lambda: 0.4 });
      expect(read(neuron(x, { weight, bias }).spikes)).toEqual([0, 1, 1, 1, 1, 0]);
      const loss = (a: Tensor, w: Tensor, b: Tensor) => sum(mul(neuron(a, { weight: w, bias: b }).spikes, dS));
      const [dx, dWeight, dBias] = grads(loss)([x, weight, bias]);
      expectClose(dx!, [0.56167364, 0.31327587, 0.23862563, 1.2064508, 0.1613864, 2.681084]);
      expectClose(
        dWeight!,
        [0.7052895, 0.040431004, 0.16253118, -0.11565527, 0.4580577, 0.060345855, 3.3556046, -2.7456968, 1.1341872],
      );
      expectClose(dBias!, [0.5817519, 0.16047968, 2.823959]);
    }));

  it("is PSN at λ = 0", () =>
    fc.assert(
      fc.property(floatsOf(6), fc.integer({ min: 1, max: 3 }), (xs, order) =>
        scoped(() => {
          const x = tensor2d(xs, [3, 2]);
          const masked = parallelNeuron(maskedPsn, { steps: 3, order, lambda: 0 });
          expect(read(masked(x, weights()).spikes)).toEqual(
            read(parallelNeuron(psn, { steps: 3 })(x, weights()).spikes),
          );
        }),
      ),
    ));

  it("takes λ from a variable, which training raises: causal from 1 on", () =>
    scoped(() => {
      const lambda = variable(scalar(0));
      const neuron = parallelNeuron(maskedPsn, { steps: 2, lambda });
      const learned = {
        weight: tensor2d([
          [0, 1],
          [0, 0],
        ]),
        bias: tensor2d([[-1], [-1]]),
      };
      const x = tensor2d([[0], [1]]);
      expect([read(neuron(x, learned).spikes), neuron.causal()]).toEqual([[1, 0], false]);
      lambda.assign(scalar(1));
      expect([read(neuron(x, learned).spikes), neuron.causal()]).toEqual([[0, 0], true]);
    }));
});

describe("maskedPsn's check", () => {
  it.each([-0.5, 1.5, Number.NaN])("refuses lambda = %s", (lambda) =>
    expect(() => parallelNeuron(maskedPsn, { steps: 2, lambda })).toThrow(
      new RangeError(`maskedPsn: lambda must be a number from 0 to 1 or a scalar, got ${lambda}`),
    ),
  );

  it("refuses an order of 0, and no steps", () => {
    expect(() => parallelNeuron(maskedPsn, { steps: 2, order: 0 })).toThrow(
      new RangeError("maskedPsn: order must be an integer of at least 1, got 0"),
    );
    expect(() => parallelNeuron(maskedPsn)).toThrow(
      new RangeError("maskedPsn: steps must be an integer of at least 1, got undefined; pass the T of the sequences"),
    );
  });
});
