/**
 * @file Exponential integrate-and-fire (EIF).
 *
 * N. Fourcaud-Trocmé, D. Hansel, C. van Vreeswijk and N. Brunel, "How Spike Generation Mechanisms Determine the Neuronal
 * Response to Fluctuating Inputs", Journal of Neuroscience 23(37), 2003, in time-steps.
 */
import { add, div, exp, mul, sub, type Tensor } from "@tensorflow/tfjs-core";
import { checkNumber, checkPositive, checkTau } from "./check.js";
import { type MembraneParams, membrane, type NeuronModel, type Parameter, restingPotential } from "./neuron.js";

/** Parameters of {@link eif}. */
export interface EifParams extends MembraneParams {
  /** Membrane time constant τ, in time-steps; at least 1. @defaultValue 2 */
  readonly tau: Parameter;
  /** Sharpness Δ_T of the take-off, above 0: the smaller, the nearer to a step at θ_rh. @defaultValue 1 */
  readonly deltaT: Parameter;
  /** Rheobase threshold θ_rh, about which the exponential term takes over. @defaultValue 0.8 */
  readonly thetaRh: Parameter;
  /** Potential V_rest that the leak pulls to. @defaultValue 0 */
  readonly vRest: Parameter;
}

/**
 * EIF charge: `H[t] = V[t-1] + (X[t] − (V[t-1] − V_rest) + Δ_T exp((V[t-1] − θ_rh) / Δ_T)) / τ`.
 *
 * @param v potential V[t-1], any shape
 * @param x input current X[t], shape of `v`
 * @returns charged potential H[t], shape of `v`
 */
export function eifCharge(v: Tensor, x: Tensor, { tau, deltaT, thetaRh, vRest }: EifParams): Tensor {
  const takeOff = mul(deltaT, exp(div(sub(v, thetaRh), deltaT)));
  return add(v, div(add(sub(x, sub(v, vRest)), takeOff), tau));
}

/**
 * The EIF model. With its defaults it fires without any current: `−V + exp(V − 0.8)` is above 0 for every V.
 *
 * A sequence starts at V_reset, as everywhere, not at V_rest.
 *
 * @example
 * const { spikes, state } = neuron(eif)({ v: tensor1d([0.8, 0.8]) }, tensor1d([0.4, 0]));
 * spikes.arraySync(); // [1, 0]
 * state.v.arraySync(); // [0, 0.9]
 *
 * @throws RangeError when `tau` is below 1, `deltaT` is not above 0, or a parameter is not finite
 */
export const eif: NeuronModel<EifParams> = {
  name: "eif",
  defaults: { ...membrane, tau: 2, deltaT: 1, thetaRh: 0.8, vRest: 0 },
  // Δ_T is above 0; of the smallest ones the exponential is beyond float32.
  lowerBounds: { tau: 1, deltaT: 2 ** -8 },
  state: restingPotential,
  charge: ({ v }, x, params) => ({ v: eifCharge(v, x, params) }),
  check({ tau, deltaT, thetaRh, vRest }) {
    checkTau("eif", tau);
    checkPositive("eif", "deltaT", deltaT);
    checkNumber("eif", { thetaRh, vRest });
  },
};
