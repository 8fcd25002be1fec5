import { describeBackends, expectClose, float32, floats, read, scoped } from "@sew/kernels/testing";
import { firingCurrent, type LifParams, li, lif, neuron, silentCurrent, unroll } from "@sew/neurons";
import { describeNeuron, membraneParams, type Numeric } from "@sew/neurons/testing";
import { grad, sum, type Tensor, tensor, tensor1d, tensor2d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const params: fc.Arbitrary<Numeric<LifParams>> = fc
  .record({ membrane: membraneParams, tau: float32(1, 32), decayInput: fc.boolean() })
  .map(({ membrane, ...own }) => ({ ...membrane, ...own }));

describeNeuron(li, params);

describeBackends("li", () => {
  it("works out by hand: τ = 2, currents 1 2 0 −2", () =>
    scoped(() => {
      const { spikes, state } = unroll(neuron(li), tensor2d([[1], [2], [0], [-2]]));
      expect([read(spikes), read(state.v)]).toEqual([[0.5, 1.25, 0.625, -0.6875], [-0.6875]]);
    }));

  it("emits the potential of a LIF neuron that never fires", () =>
    fc.assert(
      fc.property(floats, params, (xs, p) =>
        scoped(() => {
          const x = tensor(xs, [xs.length, 1]);
          const [a, b] = [unroll(neuron(li, p), x), unroll(neuron(lif, { ...p, vThreshold: 1e6 }), x)];
          expect(read(a.state.v)).toEqual(read(b.state.v));
          expect(read(a.spikes).at(-1)).toBe(read(a.state.v)[0]);
        }),
      ),
    ));

  it("is linear in the currents: from V_reset = 0, those of a sum are the sum", () =>
    fc.assert(
      fc.property(floats, float32(1, 32), (xs, tau) =>
        scoped(() => {
          const [a, b] = [xs, xs.toReversed()];
          const y = (values: number[]) => read(unroll(neuron(li, { tau }), tensor(values, [values.length, 1])).spikes);
          expectClose(
            y(a.map((x, i) => x + b[i]!)),
            y(a).map((v, i) => v + y(b)[i]!),
            { relative: 1e-4, absolute: 1e-4 },
          );
        }),
      ),
    ));

  it("has the gradient of its leak: 1/τ, and (1 − 1/τ)/τ a step later", () =>
    scoped(() => {
      const last = (x: Tensor) => sum(unroll(neuron(li, { tau: 4 }), x).state.v);
      expectClose(grad(last)(tensor2d([[1], [5]])), [3 / 16, 1 / 4]);
    }));

  it("returns tensors that can be disposed one by one", () => {
    const x = tensor1d([1]);
    const step = neuron(li);
    const before = step.initialState([1]);
    const { spikes, state } = step(before, x);
    spikes.dispose();
    expect(read(state.v)).toEqual([0.5]);
    for (const t of [x, before.v, state.v]) t.dispose();
  });
});

describe("li", () => {
  it("has no current at which it fires, or is silent: it does not spike", () => {
    expect(() => firingCurrent(neuron(li))).toThrow(
      new RangeError("firingCurrent: neuron must spike, got li, which emits real numbers"),
    );
    expect(() => silentCurrent(neuron(li))).toThrow(
      new RangeError("silentCurrent: neuron must spike, got li, which emits real numbers"),
    );
  });

  it("refuses τ = 0.5", () =>
    expect(() => neuron(li, { tau: 0.5 })).toThrow(new RangeError("li: tau must be at least 1 time-step, got 0.5")));
});
