import { describeBackends, expectClose, floats, floatsOf, read, scoped } from "@sew/kernels/testing";
import { maskedPsn, parallelCurrent, parallelNeuron, type SlidingPsnParams, slidingPsn } from "@sew/neurons";
import { describeParallelNeuron } from "@sew/neurons/testing";
import { grads, mul, ones, scalar, sum, type Tensor, tensor1d, tensor2d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describeParallelNeuron(
  slidingPsn,
  fc.record({
    params: fc.record({ order: fc.integer({ min: 1, max: 5 }) }) as fc.Arbitrary<SlidingPsnParams>,
    steps: fc.integer({ min: 1, max: 6 }),
  }),
);

describeBackends("slidingPsn", () => {
  it("works out by hand: k = 2, W = ½ 1, B = −1, currents 0.8 0.7 0.5 0.9", () =>
    scoped(() => {
      const weights = { weight: tensor1d([0.5, 1]), bias: scalar(-1) };
      const [x, neuron] = [tensor2d([[0.8], [0.7], [0.5], [0.9]]), parallelNeuron(slidingPsn)];
      expectClose(neuron.charge(x, weights), [-0.2, 0.1, -0.15, 0.15], { relative: 0, absolute: 1e-6 });
      expect(read(neuron(x, weights).spikes)).toEqual([0, 1, 0, 1]);
    }));

  it("has the spikes and gradients of SpikingJelly's SlidingPSN: k = 2, its initial weights", () =>
    scoped(() => {
      const neuron = parallelNeuron(slidingPsn, { order: 2 });
      const { weight, bias } = neuron.initial(() => Number.NaN);
      expect([read(weight), read(bias)]).toEqual([[0.5, 1], [-1]]);
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
      expect(read(neuron(x, { weight, bias }).spikes)).toEqual([0, 1, 1, 0, 0, 0]);
      const loss = (a: Tensor, w: Tensor, b: Tensor) => sum(mul(neuron(a, { weight: w, bias: b }).spikes, dS));
      const [dx, dWeight, dBias] = grads(loss)([x, weight, bias]);
      expectClose(dx!, [1.6271267, 0, 1.9226255, 0.023900062, 0.20457159, 0.23179945]);
      expectClose(dWeight!, [1.1836733, 2.226808]);
      expectClose(dBias!, [2.9276679]);
    }));

  it("is masked PSN at λ = 1 whose rows are all the same weights", () =>
    fc.assert(
      fc.property(floatsOf(10), floatsOf(3), (xs, ws) =>
        scoped(() => {
          const x = tensor2d(xs, [5, 2]);
          const rows = Array.from({ length: 5 }, (_, t) =>
            Array.from({ length: 5 }, (_, j) => (j <= t && j > t - 3 ? ws[2 - (t - j)]! : 7)),
          );
          const sliding = parallelNeuron(slidingPsn, { order: 3 });
          const masked = parallelNeuron(maskedPsn, { steps: 5, order: 3 });
          expectClose(
            sliding.charge(x, { weight: tensor1d(ws), bias: scalar(-1) }),
            masked.charge(x, { weight: tensor2d(rows), bias: mul(ones([5, 1]), -1) }),
          );
        }),
      ),
    ));

  it("is the same neuron at every step: a sequence that starts later fires later", () =>
    fc.assert(
      fc.property(floats, fc.integer({ min: 1, max: 4 }), (xs, order) =>
        scoped(() => {
          const neuron = parallelNeuron(slidingPsn, { order });
          const weights = neuron.initial(() => 0);
          const h = (values: number[]) => read(neuron.charge(tensor2d(values, [values.length, 1]), weights));
          expectClose(h([0, 0, ...xs]).slice(2), h(xs));
        }),
      ),
    ));

  it("keeps no more of the past than it looks back on", () =>
    scoped(() => {
      const past = (order: number) => {
        const neuron = parallelNeuron(slidingPsn, { order });
        return read(
          neuron(
            tensor2d([[1], [2], [3], [4]]),
            neuron.initial(() => 0),
          ).past,
        );
      };
      expect([past(1), past(2), past(3), past(9)]).toEqual([[], [4], [3, 4], [1, 2, 3, 4]]);
    }));

  it("fires in every step at a current of 1 with its initial weights, and is silent at 0", () =>
    scoped(() => {
      const neuron = parallelNeuron(slidingPsn, { order: 4 });
      const weights = neuron.initial(() => 0);
      expect([parallelCurrent(neuron, weights, 1), parallelCurrent(neuron, weights, 0)]).toEqual([1, 0]);
    }));
});

describe("slidingPsn's check", () => {
  it.each([0, 2.5, Number.NaN])("refuses order = %s", (order) =>
    expect(() => parallelNeuron(slidingPsn, { order })).toThrow(
      new RangeError(`slidingPsn: order must be an integer of at least 1, got ${order}`),
    ),
  );
});
