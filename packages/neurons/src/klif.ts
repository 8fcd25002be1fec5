/**
 * @file LIF with a learned slope (KLIF).
 *
 * C. Jiang and Y. Zhang, "KLIF: An Optimized Spiking Neuron Unit for Tuning Surrogate Gradient Slope and Membrane
 * Potential", arXiv:2302.09238, 2023.
 */
import { maximum, mul, type Tensor } from "@tensorflow/tfjs-core";
import { checkBoolean, checkNumber, checkTau } from "./check.js";
import { type LifParams, lif, lifCharge } from "./lif.js";
import { type NeuronModel, type Parameter, restingPotential } from "./neuron.js";

/** Parameters of {@link klif}. */
export interface KlifParams extends LifParams {
  /** Factor k of the charged potential; a layer learns it, one for all of its neurons. @defaultValue 1 */
  readonly k: Parameter;
}

/**
 * KLIF charge: `H[t] = ReLU(k F[t])`, where F[t] is the charge of LIF, see `lifCharge`. At F = 0 the slope is k, and not 0:
 * neurons of a block that starts as an identity receive no current at all, and have to learn.
 *
 * @param v potential V[t-1], any shape
 * @param x input current X[t], shape of `v`
 * @returns charged potential H[t], 0 or more, shape of `v`
 */
export function klifCharge(v: Tensor, x: Tensor, params: KlifParams): Tensor {
  return maximum(mul(params.k, lifCharge(v, x, params)), 0);
}

/**
 * The KLIF model: LIF whose k scales the potential before it fires, and so the slope of the surrogate. H is never below 0.
 *
 * @example
 * const { spikes, state } = neuron(klif, { k: 1.5 })({ v: zeros([3]) }, tensor1d([1, 2, -2]));
 * spikes.arraySync(); // [0, 1, 0]
 * state.v.arraySync(); // [0.75, 0, 0]
 *
 * @throws RangeError when `tau` is below 1, or a parameter is not finite
 */
export const klif: NeuronModel<KlifParams> = {
  name: "klif",
  defaults: { ...lif.defaults, k: 1 },
  learns: { k: "layer" },
  lowerBounds: { tau: 1 },
  state: restingPotential,
  charge: ({ v }, x, params) => ({ v: klifCharge(v, x, params) }),
  check({ tau, decayInput, k }) {
    checkTau("klif", tau);
    checkBoolean("klif", { decayInput });
    checkNumber("klif", { k });
  },
};
