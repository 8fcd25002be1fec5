/**
 * @file Parametric leaky integrate-and-fire (PLIF).
 *
 * W. Fang et al., "Incorporating Learnable Membrane Time Constant to Enhance Learning of Spiking Neural Networks",
 * ICCV 2021; Eq. 5 of the SEW ResNet paper with 1/τ = sigmoid(w).
 */
import { shown } from "@sew/kernels";
import { add, mul, sigmoid, sub, type Tensor } from "@tensorflow/tfjs-core";
import { checkBoolean, checkNumber } from "./check.js";
import { type MembraneParams, membrane, type NeuronModel, type Parameter, restingPotential } from "./neuron.js";

/** Parameters of {@link plif}. */
export interface PlifParams extends MembraneParams {
  /** w with 1/τ = sigmoid(w); a layer learns it, one for all of its neurons. @defaultValue 0, which is τ = 2 */
  readonly w: Parameter;
  /** Whether sigmoid(w) scales the current too, as in Eq. 5; if not, the potential alone leaks. @defaultValue true */
  readonly decayInput: boolean;
}

/**
 * PLIF charge: `H[t] = V[t-1] + sigmoid(w) (X[t] − (V[t-1] − V_reset))`, or, without `decayInput`,
 * `H[t] = V[t-1] − sigmoid(w) (V[t-1] − V_reset) + X[t]`.
 *
 * @param v potential V[t-1], any shape
 * @param x input current X[t], shape of `v`
 * @returns charged potential H[t], shape of `v`
 */
export function plifCharge(v: Tensor, x: Tensor, { w, vReset, decayInput }: PlifParams): Tensor {
  const [rate, fall] = [sigmoid(w), sub(v, vReset)];
  return decayInput ? add(v, mul(rate, sub(x, fall))) : add(sub(v, mul(rate, fall)), x);
}

/**
 * The w at which a PLIF neuron starts with the time constant τ: `w = −ln(τ − 1)`.
 *
 * @param tau time constant at the start, in time-steps; above 1, since sigmoid(w) stays below 1
 * @throws RangeError when `tau` is not a finite number above 1
 *
 * @example
 * plifInitial(2) + 0; // 0
 */
export function plifInitial(tau: number): number {
  if (!(tau > 1 && Number.isFinite(tau))) {
    throw new RangeError(`plifInitial: tau must be above 1 time-step, got ${shown(tau)}`);
  }
  return -Math.log(tau - 1);
}

/**
 * The PLIF model. A layer learns w, from 0 (τ = 2) on: one for all of its neurons, or one per channel.
 *
 * The gradient of a w sums over its neurons and all time-steps.
 *
 * @example
 * const w = variable(scalar(plifInitial(2)));
 * const { state } = neuron(plif, { w })({ v: zeros([1]) }, tensor1d([1.5]));
 * state.v.arraySync(); // [0.75]
 *
 * @throws RangeError when `w` is neither a finite number nor a tensor of one value or one per channel
 */
export const plif: NeuronModel<PlifParams> = {
  name: "plif",
  defaults: { ...membrane, w: 0, decayInput: true },
  learns: { w: "layer" },
  state: restingPotential,
  charge: ({ v }, x, params) => ({ v: plifCharge(v, x, params) }),
  check({ w, decayInput }) {
    checkNumber("plif", { w });
    checkBoolean("plif", { decayInput });
  },
};
