/**
 * @file Quadratic integrate-and-fire (QIF).
 *
 * W. Gerstner, W. M. Kistler, R. Naud and L. Paninski, "Neuronal Dynamics", Cambridge University Press 2014, section 5.3,
 * in time-steps.
 */
import { add, div, mul, sub, type Tensor } from "@tensorflow/tfjs-core";
import { checkNumber, checkPositive, checkTau } from "./check.js";
import { type MembraneParams, membrane, type NeuronModel, type Parameter, restingPotential } from "./neuron.js";

/** Parameters of {@link qif}. */
export interface QifParams extends MembraneParams {
  /** Membrane time constant τ, in time-steps; at least 1. @defaultValue 2 */
  readonly tau: Parameter;
  /** Potential V_c above which a neuron charges itself. @defaultValue 0.8 */
  readonly vCritical: Parameter;
  /** Strength a₀ of the quadratic term, above 0. @defaultValue 1 */
  readonly a0: Parameter;
  /** Potential V_rest that a neuron without a current returns to from below V_c. @defaultValue 0 */
  readonly vRest: Parameter;
}

/**
 * QIF charge: `H[t] = V[t-1] + (X[t] + a₀ (V[t-1] − V_rest) (V[t-1] − V_c)) / τ`.
 *
 * @param v potential V[t-1], any shape
 * @param x input current X[t], shape of `v`
 * @returns charged potential H[t], shape of `v`
 */
export function qifCharge(v: Tensor, x: Tensor, { tau, vCritical, a0, vRest }: QifParams): Tensor {
  return add(v, div(add(x, mul(a0, mul(sub(v, vRest), sub(v, vCritical)))), tau));
}

/**
 * The QIF model. A sequence starts at V_reset, as everywhere, not at V_rest.
 *
 * @example
 * const { spikes, state } = neuron(qif)({ v: tensor1d([0, 0.5]) }, tensor1d([2, 0.25]));
 * spikes.arraySync(); // [1, 0]
 * state.v.arraySync(); // [0, 0.55]
 *
 * @throws RangeError when `tau` is below 1, `a0` is not above 0, or a parameter is not finite
 */
export const qif: NeuronModel<QifParams> = {
  name: "qif",
  defaults: { ...membrane, tau: 2, vCritical: 0.8, a0: 1, vRest: 0 },
  lowerBounds: { tau: 1, a0: 2 ** -8 },
  state: restingPotential,
  charge: ({ v }, x, params) => ({ v: qifCharge(v, x, params) }),
  check({ tau, vCritical, a0, vRest }) {
    checkTau("qif", tau);
    checkPositive("qif", "a0", a0);
    checkNumber("qif", { vCritical, vRest });
  },
};
