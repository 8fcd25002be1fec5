/**
 * @file Parametric leaky integrate-and-fire (PLIF).
 *
 * W. Fang et al., "Incorporating Learnable Membrane Time Constant to Enhance Learning of Spiking Neural Networks",
 * ICCV 2021; Eq. 5 of the SEW ResNet paper with 1/τ = sigmoid(w).
 */
import { add, mul, reshape, sigmoid, sub, Tensor } from "@tensorflow/tfjs-core";
import { type MembraneParams, membrane, type NeuronModel } from "./neuron.js";

/** Parameters of {@link plif}. */
export interface PlifParams extends MembraneParams {
  /** The scalar w with 1/τ = sigmoid(w); a variable to learn it, one for a whole layer of neurons. */
  readonly w: Tensor | number;
  /** Whether sigmoid(w) scales the current too, as in Eq. 5; else the potential alone leaks, and X is added whole. */
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
    throw new RangeError(`plifInitial: tau must be above 1 time-step, got ${tau}`);
  }
  return -Math.log(tau - 1);
}

/**
 * The PLIF model. By default w = 0, a fixed τ of 2; pass a variable to learn it.
 *
 * The gradient of w sums over every neuron and time-step of the layer.
 *
 * @example
 * const w = variable(scalar(plifInitial(2)));
 * const { v } = neuron(plif, { w })(zeros([1]), tensor1d([1.5]));
 * v.arraySync(); // [0.75]
 *
 * @throws RangeError when `w` is neither a finite number nor a scalar tensor
 */
export const plif: NeuronModel<PlifParams> = {
  name: "plif",
  charge: plifCharge,
  defaults: { ...membrane, w: 0, decayInput: true },
  check({ w }) {
    if (w instanceof Tensor) {
      if (w.size !== 1) throw new RangeError(`plif: w must be a scalar, got a tensor of shape [${w.shape}]`);
    } else if (!Number.isFinite(w)) {
      throw new RangeError(`plif: w must be a finite number or a scalar tensor, got ${w}`);
    }
  },
  fused: ({ w, decayInput }) => ({
    kind: decayInput ? "learnedLeak" : "learnedPotentialLeak",
    rate: () => reshape(sigmoid(w), []),
  }),
};
