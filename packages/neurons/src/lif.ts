/**
 * @file Leaky integrate-and-fire (LIF).
 *
 * W. Fang et al., "Deep Residual Learning in Spiking Neural Networks", NeurIPS 2021, Eq. 5.
 */
import { add, div, sub, type Tensor } from "@tensorflow/tfjs-core";
import { checkBoolean, checkTau } from "./check.js";
import { type MembraneParams, membrane, type NeuronModel, type Parameter, restingPotential } from "./neuron.js";

/** Parameters of {@link lif}. */
export interface LifParams extends MembraneParams {
  /** Membrane time constant τ, in time-steps; at least 1. @defaultValue 2 */
  readonly tau: Parameter;
  /** Whether the current is divided by τ too, as in Eq. 5; if not, the potential alone leaks. @defaultValue true */
  readonly decayInput: boolean;
}

/**
 * LIF charge: `H[t] = V[t-1] + (X[t] − (V[t-1] − V_reset)) / τ` (Eq. 5), or, without `decayInput`,
 * `H[t] = V[t-1] − (V[t-1] − V_reset) / τ + X[t]`.
 *
 * With it, the potential moves a fraction 1/τ of the way to `x + vReset`; at τ = 1 it
 * arrives there and keeps nothing of the past.
 *
 * @param v potential V[t-1], any shape
 * @param x input current X[t], shape of `v`
 * @returns charged potential H[t], shape of `v`
 */
export function lifCharge(v: Tensor, x: Tensor, { tau, vReset, decayInput }: LifParams): Tensor {
  const fall = sub(v, vReset);
  return decayInput ? add(v, div(sub(x, fall), tau)) : add(sub(v, div(fall, tau)), x);
}

/**
 * The LIF model.
 *
 * @example
 * const step = neuron(lif, { tau: 2 });
 * const { spikes, state } = step({ v: zeros([2]) }, tensor1d([1.5, 2]));
 * spikes.arraySync(); // [0, 1]
 * state.v.arraySync(); // [0.75, 0]
 *
 * @throws RangeError when `tau` is below 1 or not finite
 */
export const lif: NeuronModel<LifParams> = {
  name: "lif",
  defaults: { ...membrane, tau: 2, decayInput: true },
  lowerBounds: { tau: 1 },
  state: restingPotential,
  charge: ({ v }, x, params) => ({ v: lifCharge(v, x, params) }),
  check({ tau, decayInput }) {
    checkTau("lif", tau);
    checkBoolean("lif", { decayInput });
  },
};
