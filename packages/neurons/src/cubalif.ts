/**
 * @file Current-based leaky integrate-and-fire (CUBALIF): spikes that arrive charge a synapse, which charges the membrane.
 *
 * W. Gerstner, W. M. Kistler, R. Naud and L. Paninski, "Neuronal Dynamics", Cambridge University Press 2014, section 1.3,
 * in time-steps; the name is that of NIR: J. E. Pedersen et al., "Neuromorphic intermediate representation", Nature
 * Communications 15, 2024.
 */
import { add, div, sub, type Tensor } from "@tensorflow/tfjs-core";
import { checkBoolean, checkTau } from "./check.js";
import { type LifParams, lif, lifCharge } from "./lif.js";
import type { NeuronModel, Parameter } from "./neuron.js";

/** Parameters of {@link cubalif}. */
export interface CubalifParams extends LifParams {
  /** Time constant τ_s of the synapse, in time-steps; at least 1. @defaultValue 2 */
  readonly tauSynapse: Parameter;
}

/**
 * Synaptic current: `I[t] = I[t-1] − I[t-1] / τ_s + X[t]`.
 *
 * @param i synaptic current I[t-1], any shape
 * @param x input current X[t], shape of `i`
 * @returns synaptic current I[t], shape of `i`
 */
export function synapticCurrent(i: Tensor, x: Tensor, { tauSynapse }: Pick<CubalifParams, "tauSynapse">): Tensor {
  return add(sub(i, div(i, tauSynapse)), x);
}

/**
 * The current-based LIF model: the charge of LIF by the synaptic current I[t] in the place of X[t].
 *
 * State: `v`, and `i`, the synaptic current I, which starts at 0. At τ_s = 1 it keeps nothing, and the model is LIF.
 *
 * @example
 * const { spikes, state } = unroll(neuron(cubalif), tensor2d([[1], [0], [0]]));
 * spikes.arraySync(); // [[0], [0], [0]]
 * state.v.arraySync(); // [0.375]
 * state.i.arraySync(); // [0.25]
 *
 * @throws RangeError when `tau` or `tauSynapse` is below 1 or not finite
 */
export const cubalif: NeuronModel<CubalifParams, "v" | "i"> = {
  name: "cubalif",
  defaults: { ...lif.defaults, tauSynapse: 2 },
  lowerBounds: { tau: 1, tauSynapse: 1 },
  state: ({ vReset }) => ({ v: vReset, i: 0 }),
  charge(state, x, params) {
    const i = synapticCurrent(state.i, x, params);
    return { v: lifCharge(state.v, i, params), i };
  },
  check({ tau, decayInput, tauSynapse }) {
    checkTau("cubalif", tau);
    checkBoolean("cubalif", { decayInput });
    checkTau("cubalif", tauSynapse, "tauSynapse");
  },
};
