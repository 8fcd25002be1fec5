import { describeBackends, float32, floats, read, scoped } from "@sew/kernels/testing";
import { type LifParams, lif, ltlif, neuron, unroll } from "@sew/neurons";
import { describeNeuron, membraneParams, type Numeric } from "@sew/neurons/testing";
import { constant } from "@sew/surrogates";
import { grad, sum, type Tensor, tensor, tensor1d, tensor2d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const params: fc.Arbitrary<Numeric<LifParams>> = fc
  .record({ membrane: membraneParams, tau: float32(1, 32), decayInput: fc.boolean() })
  .map(({ membrane, ...own }) => ({ ...membrane, ...own }));

describeNeuron(ltlif, params);

describeBackends("ltlif", () => {
  it("is LIF at any one threshold", () =>
    fc.assert(
      fc.property(floats, params, (xs, p) =>
        scoped(() => {
          const x = tensor(xs, [xs.length, 1]);
          const [a, b] = [unroll(neuron(ltlif, p), x), unroll(neuron(lif, p), x)];
          expect([read(a.spikes), read(a.state.v)]).toEqual([read(b.spikes), read(b.state.v)]);
        }),
      ),
    ));

  it("fires where H reaches the channel's own threshold: 1/4, 1/2 and 1 at H = 1/2", () =>
    scoped(() => {
      const vThreshold = tensor1d([0.25, 0.5, 1]);
      expect(read(unroll(neuron(ltlif, { vThreshold }), tensor2d([[1, 1, 1]])).spikes)).toEqual([1, 1, 0]);
    }));

  it("has the gradient −σ' by V_th through a spike, and −S through a soft reset", () =>
    scoped(() => {
      const x = tensor2d([[3, 1]]);
      const of = (vThreshold: Tensor) => unroll(neuron(ltlif, { vThreshold, reset: "soft" }, constant()), x);
      expect(read(grad((u) => sum(of(u).spikes))(tensor1d([1, 1])))).toEqual([-1, -1]);
      expect(read(grad((u) => sum(of(u).state.v))(tensor1d([1, 1]))).map((d) => d + 0)).toEqual([-1, 0]);
    }));
});

describe("ltlif", () => {
  it("refuses τ = 0.5 under its own name", () =>
    expect(() => neuron(ltlif, { tau: 0.5 })).toThrow(
      new RangeError("ltlif: tau must be at least 1 time-step, got 0.5"),
    ));
});
