/**
 * @file Adaptive leaky integrate-and-fire (ALIF), whose threshold rises with its firing rate.
 *
 * G. Bellec, D. Salaj, A. Subramoney, R. Legenstein and W. Maass, "Long short-term memory and learning-to-learn in
 * networks of spiking neurons", NeurIPS 2018, section 2; with the reset of G. Bellec et al., "A solution to the learning
 * dilemma for recurrent networks of spiking neurons", Nature Communications 11, 2020.
 */
import { add, div, exp, mul, sub, type Tensor } from "@tensorflow/tfjs-core";
import { checkBoolean, checkNumber, checkTau } from "./check.js";
import { type LifParams, lif, lifCharge } from "./lif.js";
import { fire, type NeuronModel, type Parameter, reset, resetSpikes } from "./neuron.js";

/** Parameters of {@link alif}. */
export interface AlifParams extends LifParams {
  /** Rise β of the threshold of a neuron that fires in every time-step. @defaultValue 1.8 */
  readonly beta: Parameter;
  /** Time constant τ_a of the adaptation, in time-steps; at least 1. @defaultValue 20 */
  readonly tauAdaptation: Parameter;
}

/**
 * ALIF adaptation: `A[t] = ρ A[t-1] + (1 − ρ) S[t]` with `ρ = exp(−1/τ_a)`, a running mean of the spikes.
 *
 * @param a adaptation A[t-1], any shape
 * @param spikes S[t], shape of `a`
 * @returns adaptation A[t], shape of `a`
 */
export function alifAdaptation(
  a: Tensor,
  spikes: Tensor,
  { tauAdaptation }: Pick<AlifParams, "tauAdaptation">,
): Tensor {
  const rho = exp(div(-1, tauAdaptation));
  return add(mul(rho, a), mul(sub(1, rho), spikes));
}

/**
 * The ALIF model: the charge of LIF, the threshold `V_th + β A[t-1]`, and the reset of Eq. 3; a soft one falls by V_th.
 *
 * State: `v` and `a`, the adaptation A, which starts at 0.
 *
 * @example
 * const step = neuron(alif, { tau: 1, beta: 2, tauAdaptation: 1 / Math.LN2 });
 * const { spikes, state } = unroll(step, tensor2d([[1], [1], [1]]));
 * spikes.arraySync(); // [[1], [0], [0]]
 * state.a.arraySync()[0].toFixed(5); // "0.12500"
 *
 * @throws RangeError when `tau` or `tauAdaptation` is below 1, or a parameter is not finite
 */
export const alif: NeuronModel<AlifParams, "v" | "a"> = {
  name: "alif",
  defaults: { ...lif.defaults, beta: 1.8, tauAdaptation: 20 },
  lowerBounds: { tau: 1, tauAdaptation: 1 },
  state: ({ vReset }) => ({ v: vReset, a: 0 }),
  charge: ({ v }, x, params) => ({ v: lifCharge(v, x, params) }),
  fire: ({ v, a }, { vThreshold, beta }, spike) => fire(v, add(vThreshold, mul(beta, a)), spike),
  reset: ({ v, a }, spikes, params) => ({
    v: reset(v, spikes, params),
    a: alifAdaptation(a, resetSpikes(spikes, params), params),
  }),
  check({ tau, decayInput, beta, tauAdaptation }) {
    checkTau("alif", tau);
    checkBoolean("alif", { decayInput });
    checkNumber("alif", { beta });
    checkTau("alif", tauAdaptation, "tauAdaptation");
  },
};
