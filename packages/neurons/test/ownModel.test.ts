/** @file A model of one's own with further state and rules of its own: an adaptive LIF neuron. */

import { describeBackends, expectClose, float32, read, scoped } from "@sew/kernels/testing";
import {
  fire,
  type LifParams,
  lif,
  lifCharge,
  type NeuronModel,
  neuron,
  reset,
  resetSpikes,
  unroll,
} from "@sew/neurons";
import { describeNeuron, membraneParams, type Numeric } from "@sew/neurons/testing";
import { add, grads, mul, sum, tensor, tensor1d, tensor2d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";

interface AdaptiveParams extends LifParams {
  readonly decay: number;
  readonly rise: number;
}

/** The threshold is V_th + a, and a ← decay · a + rise · S. */
const adaptive: NeuronModel<AdaptiveParams, "v" | "a"> = {
  name: "adaptive",
  defaults: { ...lif.defaults, decay: 0.5, rise: 1 },
  state: ({ vReset }) => ({ v: vReset, a: 0 }),
  charge: ({ v }, x, params) => ({ v: lifCharge(v, x, params) }),
  fire: ({ v, a }, { vThreshold }, spike) => fire(v, add(vThreshold, a), spike),
  reset: ({ v, a }, spikes, params) => ({
    v: reset(v, spikes, params),
    a: add(mul(a, params.decay), mul(params.rise, resetSpikes(spikes, params))),
  }),
  check() {},
};

const params: fc.Arbitrary<Numeric<AdaptiveParams>> = fc
  .record({
    membrane: membraneParams,
    tau: float32(1, 16),
    decayInput: fc.boolean(),
    decay: float32(0, 1),
    rise: float32(-1, 1),
  })
  .map(({ membrane, ...own }) => ({ ...membrane, ...own }));

describeNeuron(adaptive, params);

/** A variable that only moves on spikes: the default fire and reset stay. */
const counting: NeuronModel<LifParams, "v" | "n"> = {
  name: "counting",
  defaults: lif.defaults,
  state: ({ vReset }) => ({ v: vReset, n: 0 }),
  charge: ({ v }, x, params) => ({ v: lifCharge(v, x, params) }),
  reset: ({ v, n }, spikes, params) => ({ v: reset(v, spikes, params), n: add(n, spikes) }),
  check() {},
};

describeBackends("a model with further state", () => {
  it("works out by hand: τ = 2, decay 1/2, rise 1, currents 2 2 4 4", () =>
    scoped(() => {
      // Threshold 1: H = 1 fires, a = 1. Threshold 2: H = 1. Threshold 1.5: H = 2.5 fires, a = 1.25. Threshold 2.25: H = 2.
      const { spikes, state } = unroll(neuron(adaptive), tensor2d([[2], [2], [4], [4]]));
      expect([read(spikes), read(state.v), read(state.a)]).toEqual([[1, 0, 1, 0], [2], [0.625]]);
    }));

  it("counts its spikes with the shared rules for the rest", () =>
    scoped(() => {
      const x = tensor2d([
        [2, 0],
        [2, 3],
        [0, 0],
      ]);
      const [own, shared] = [unroll(neuron(counting), x), unroll(neuron(lif), x)];
      expect(read(own.spikes)).toEqual(read(shared.spikes));
      expect(read(own.state.v)).toEqual(read(shared.state.v));
      expect(read(own.state.n)).toEqual(read(sum(shared.spikes, 0)));
    }));

  it("passes gradients to the further state before the first step", () =>
    scoped(() => {
      const n = neuron(adaptive, { vThreshold: 10 });
      const [da] = grads((a) => sum(unroll(n, tensor([0, 0], [2, 1]), { v: tensor1d([0]), a }).state.a))([
        tensor1d([1]),
      ]);
      expectClose(da!, [0.25]);
    }));

  it("refuses a step without one of its variables", () =>
    scoped(() =>
      expect(() => neuron(adaptive)({ v: tensor1d([0]) } as never, tensor1d([0]))).toThrow(
        new TypeError("adaptive: state must be a record of v, a, got one without a"),
      ),
    ));

  it.each<[string, Partial<typeof adaptive>, string]>([
    [
      "charges to another shape",
      { charge: ({ v }) => ({ v: sum(v) }) },
      "adaptive: charge's v must have the shape [2] of x, got []",
    ],
    [
      "charges a variable that it does not declare",
      { charge: ({ v }) => ({ v, u: v }) as never },
      'adaptive: charge must return state variables that the model declares, v, a, got "u"',
    ],
    [
      "fires in another shape",
      { fire: ({ v }) => sum(v) },
      "adaptive: the spikes must have the shape [2] of x, got []",
    ],
    [
      "resets to another shape",
      { reset: ({ v, a }) => ({ v, a: sum(a) }) },
      "adaptive: reset's a must have the shape [2] of x, got []",
    ],
  ])("refuses a model that %s", (_, change, message) =>
    scoped(() =>
      expect(() => {
        const step = neuron({ ...adaptive, ...change });
        step(step.initialState([2]), tensor1d([0, 1]));
      }).toThrow(message),
    ),
  );

  it("refuses a state of another shape than the currents", () =>
    scoped(() =>
      expect(() => neuron(adaptive)({ v: tensor1d([0]), a: tensor1d([0, 0]) }, tensor1d([0, 1]))).toThrow(
        new RangeError("adaptive: v of the state must have the shape [2] of x, got [1]"),
      ),
    ));
});
