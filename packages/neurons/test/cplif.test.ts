import { describeBackends, expectClose, float32, read, scoped } from "@sew/kernels/testing";
import { cplif, neuron, type PlifParams, plif, plifInitial, unroll } from "@sew/neurons";
import { describeNeuron, membraneParams, type Numeric } from "@sew/neurons/testing";
import { grad, slice, sum, type Tensor, tensor1d, tensor2d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const params: fc.Arbitrary<Numeric<PlifParams>> = fc
  .tuple(membraneParams, float32(-4, 4), fc.boolean())
  .map(([membrane, w, decayInput]) => ({ ...membrane, w, decayInput }));

describeNeuron(cplif, params);

describeBackends("cplif", () => {
  const x = tensor2dOf([
    [1, 2, 0.5],
    [1.5, 0, 2],
    [0.5, 3, 1],
  ]);
  const taus = [2, 4, 1.5];

  it("works out by hand: τ = 2 and 4, currents 1 1", () =>
    scoped(() => {
      const w = tensor1d([0, plifInitial(4)]);
      const { state } = unroll(
        neuron(cplif, { w }),
        tensor2d([
          [1, 1],
          [1, 1],
        ]),
      );
      expectClose(state.v, [3 / 4, 7 / 16]);
    }));

  it("is, in each channel, PLIF with that channel's w", () =>
    scoped(() => {
      const w = tensor1d(taus.map(plifInitial));
      const all = unroll(neuron(cplif, { w }), x());
      taus.forEach((tau, c) => {
        const one = unroll(neuron(plif, { w: plifInitial(tau) }), slice(x(), [0, c], [-1, 1]));
        expect(read(slice(all.spikes, [0, c], [-1, 1]))).toEqual(read(one.spikes));
        expectClose(slice(all.state.v, [c], [1]), one.state.v, { relative: 1e-6, absolute: 1e-6 });
      });
    }));

  it("passes to each w the gradient of its channel alone", () =>
    scoped(() => {
      const w = tensor1d(taus.map(plifInitial));
      const last = (u: Tensor) => unroll(neuron(cplif, { w: u, vThreshold: 10 }), x()).state.v;
      const whole = read(grad((u) => sum(last(u)))(w));
      taus.forEach((_, c) => {
        const own = read(grad((u) => sum(slice(last(u), [c], [1])))(w));
        expectClose(
          own,
          whole.map((d, i) => (i === c ? d : 0)),
        );
        expect(own[c]).not.toBe(0);
      });
    }));
});

/** Made anew in each scope. */
function tensor2dOf(values: number[][]): () => Tensor {
  return () => tensor2d(values);
}

describe("cplif", () => {
  it("refuses w = NaN as PLIF does", () =>
    expect(() => neuron(cplif, { w: Number.NaN })).toThrow(
      new RangeError("cplif: w must be a finite number, got NaN"),
    ));
});
