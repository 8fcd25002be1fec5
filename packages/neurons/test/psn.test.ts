import { describeBackends, expectClose, float32, read, scoped } from "@sew/kernels/testing";
import { type PsnParams, parallelCurrent, parallelNeuron, psn } from "@sew/neurons";
import { describeParallelNeuron } from "@sew/neurons/testing";
import { grads, mul, sum, type Tensor, tensor2d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describeParallelNeuron(
  psn,
  fc.integer({ min: 1, max: 6 }).map((steps): { params: PsnParams; steps: number } => ({ params: { steps }, steps })),
);

describeBackends("psn", () => {
  it("works out by hand: W = [[1, 0], [½, 1]], B = −1, currents 0.8 0.7", () =>
    scoped(() => {
      const weights = {
        weight: tensor2d([
          [1, 0],
          [0.5, 1],
        ]),
        bias: tensor2d([[-1], [-1]]),
      };
      const [x, neuron] = [tensor2d([[0.8], [0.7]]), parallelNeuron(psn, { steps: 2 })];
      expectClose(neuron.charge(x, weights), [-0.2, 0.1], { relative: 0, absolute: 1e-6 });
      expect(read(neuron(x, weights).spikes)).toEqual([0, 1]);
    }));

  it("has the spikes and gradients of SpikingJelly's PSN", () =>
    scoped(() => {
      const weight = tensor2d([
        [0.5, -0.25, 1],
        [1, 0.75, -0.5],
        [0.25, 0.5, 0.9],
      ]);
      const bias = tensor2d([[-1], [-0.5], [-0.25]]);
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
      const neuron = parallelNeuron(psn, { steps: 3 });
      expect(read(neuron(x, { weight, bias }).spikes)).toEqual([0, 1, 1, 1, 1, 1]);
      const loss = (a: Tensor, w: Tensor, b: Tensor) => sum(mul(neuron(a, { weight: w, bias: b }).spikes, dS));
      const [dx, dWeight, dBias] = grads(loss)([x, weight, bias]);
      expectClose(dx!, [0.7649827, 0.46743923, 0.22778016, 1.1276191, 0.37238353, 2.6341252]);
      expectClose(
        dWeight!,
        [0.65151513, 0.3041135, 0.32499045, -0.12650168, 0.57930267, 0.1342066, 5.3904347, -2.6532433, 1.0910609],
      );
      expectClose(dBias!, [0.6693236, 0.21823198, 2.7181125]);
    }));

  it("lets the first step depend on the last", () =>
    scoped(() => {
      const weights = {
        weight: tensor2d([
          [0, 1],
          [0, 0],
        ]),
        bias: tensor2d([[-1], [-1]]),
      };
      const spikes = (last: number) => read(parallelNeuron(psn, { steps: 2 })(tensor2d([[0], [last]]), weights).spikes);
      expect([spikes(0), spikes(1)]).toEqual([
        [0, 0],
        [1, 0],
      ]);
    }));

  it("starts with W uniform in ±1/√T, and B = −1", () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 32 }), float32(-1, 0.875), (steps, part) =>
        scoped(() => {
          const { weight, bias } = parallelNeuron(psn, { steps }).initial((bound) => part * bound);
          expect([weight.shape, bias.shape]).toEqual([
            [steps, steps],
            [steps, 1],
          ]);
          expectClose(weight, new Array(steps * steps).fill(part / Math.sqrt(steps)));
          expect(new Set(read(bias))).toEqual(new Set([-1]));
        }),
      ),
      { numRuns: 20 },
    ));

  it("is silent at 0, and fires in every step at no current where the sums of its weights have different signs", () =>
    scoped(() => {
      const neuron = parallelNeuron(psn, { steps: 2 });
      const bias = tensor2d([[-1], [-1]]);
      const mixed = {
        weight: tensor2d([
          [1, 1],
          [-1, -1],
        ]),
        bias,
      };
      expect(parallelCurrent(neuron, mixed, 0)).toBe(0);
      expect(() => parallelCurrent(neuron, mixed, 1)).toThrow(
        new RangeError(
          "parallelCurrent: neuron must fire at every time-step at some constant current, got psn whose present weights have none",
        ),
      );
      expect(
        parallelCurrent(
          neuron,
          {
            weight: tensor2d([
              [1, 1],
              [0.25, 0.25],
            ]),
            bias,
          },
          1,
        ),
      ).toBe(2);
    }));
});

describe("psn's check", () => {
  it.each([undefined, 0, 1.5, Number.NaN])("refuses steps = %s", (steps) =>
    expect(() => parallelNeuron(psn, { steps: steps as number })).toThrow(
      new RangeError(`psn: steps must be an integer of at least 1, got ${steps}; pass the T of the sequences`),
    ),
  );
});
