import { describeBackends, expectClose, float32, floats, read, scoped } from "@sew/kernels/testing";
import { type CubalifParams, cubalif, lif, neuron, synapticCurrent, unroll } from "@sew/neurons";
import { describeNeuron, membraneParams, type Numeric } from "@sew/neurons/testing";
import { grad, sum, type Tensor, tensor, tensor1d, tensor2d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const params: fc.Arbitrary<Numeric<CubalifParams>> = fc
  .record({ membrane: membraneParams, tau: float32(1, 32), decayInput: fc.boolean(), tauSynapse: float32(1, 32) })
  .map(({ membrane, ...own }) => ({ ...membrane, ...own }));

describeNeuron(cubalif, params);

describeBackends("synapticCurrent", () => {
  it("loses a τ_s-th of itself in a step and adds the current", () =>
    fc.assert(
      fc.property(floats, float32(1, 32), (is, tauSynapse) =>
        scoped(() => {
          const xs = is.toReversed();
          expectClose(
            synapticCurrent(tensor1d(is), tensor1d(xs), { tauSynapse }),
            is.map((i, j) => i * (1 - 1 / tauSynapse) + xs[j]!),
          );
        }),
      ),
    ));
});

describeBackends("cubalif", () => {
  it("works out by hand: τ = τ_s = 2, currents 1 1 1 0", () =>
    scoped(() => {
      // I = 1 3/2 7/4 7/8; V = 1/2, 1 fires, 7/8, 7/8.
      const { spikes, state } = unroll(neuron(cubalif), tensor2d([[1], [1], [1], [0]]));
      expect([read(spikes), read(state.i), read(state.v)]).toEqual([[0, 1, 0, 0], [0.875], [0.875]]);
    }));

  it("is LIF at τ_s = 1, whose synapse keeps nothing", () =>
    fc.assert(
      fc.property(floats, params, (xs, { tauSynapse: _, ...p }) =>
        scoped(() => {
          const x = tensor(xs, [xs.length, 1]);
          const [a, b] = [unroll(neuron(cubalif, { ...p, tauSynapse: 1 }), x), unroll(neuron(lif, p), x)];
          expect([read(a.spikes), read(a.state.v)]).toEqual([read(b.spikes), read(b.state.v)]);
        }),
      ),
    ));

  it("has the values of snnTorch's Synaptic below the threshold: α = 0.75, β = 0.5", () =>
    scoped(() => {
      const x = tensor2d([
        [0.5, -1],
        [1.25, 2],
        [0, 0.3],
        [2, -0.7],
      ]);
      const { state } = unroll(neuron(cubalif, { tau: 2, tauSynapse: 4, decayInput: false, vThreshold: 100 }), x);
      expectClose(state.i, [2.9140625, 0.22812498]);
      expectClose(state.v, [3.9921875, 1.034375]);
    }));

  it("carries a gradient from a current to steps long after it, by the synapse: V[2] = (1/4 + 1/4 + 1/4)/2 of X[0]", () =>
    scoped(() => {
      // I = 1 1/2 1/4, V = 1/2, 1/4 + 1/4, 1/4 + 1/8.
      const last = (x: Tensor) => sum(unroll(neuron(cubalif, { vThreshold: 10 }), x).state.v);
      expectClose(grad(last)(tensor2d([[1], [0], [0]])), [3 / 8, 1 / 2, 1 / 2]);
    }));
});

describe("cubalif's check", () => {
  it.each(["tau", "tauSynapse"])("refuses %s below 1", (name) =>
    expect(() => neuron(cubalif, { [name]: 0.5 })).toThrow(
      new RangeError(`cubalif: ${name} must be at least 1 time-step, got 0.5`),
    ),
  );
});
