/**
 * @file Leaky integrator (LI) that does not spike, for the outputs of a network.
 *
 * The readout of G. Bellec, D. Salaj, A. Subramoney, R. Legenstein and W. Maass, "Long short-term memory and
 * learning-to-learn in networks of spiking neurons", NeurIPS 2018.
 */
import { checkBoolean, checkTau } from "./check.js";
import { type LifParams, lif, lifCharge } from "./lif.js";
import { type NeuronModel, restingPotential } from "./neuron.js";

/**
 * The leaky integrator: it emits `V[t] = H[t]`, the charge of LIF, and never resets. Of the membrane's parameters V_reset
 * alone counts: where it starts and what it leaks to.
 *
 * What it emits are real numbers: it ends a network, as in `FC10-LI`, and no block takes it.
 *
 * @example
 * const { spikes, state } = unroll(neuron(li), tensor2d([[1], [2], [0]]));
 * spikes.arraySync(); // [[0.5], [1.25], [0.625]]
 * state.v.arraySync(); // [0.625]
 *
 * @throws RangeError when `tau` is below 1 or not finite
 */
export const li: NeuronModel<LifParams> = {
  name: "li",
  defaults: lif.defaults,
  lowerBounds: { tau: 1 },
  state: restingPotential,
  charge: ({ v }, x, params) => ({ v: lifCharge(v, x, params) }),
  fire: ({ v }) => v,
  emits: () => ({ kind: "reals" }),
  reset: () => ({}),
  check({ tau, decayInput }) {
    checkTau("li", tau);
    checkBoolean("li", { decayInput });
  },
};
