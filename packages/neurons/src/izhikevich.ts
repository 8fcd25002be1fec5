/**
 * @file Izhikevich's neuron: two variables, the firing patterns of cortical neurons.
 *
 * E. M. Izhikevich, "Simple Model of Spiking Neurons", IEEE Transactions on Neural Networks 14(6), 2003, with one
 * explicit Euler step in each time-step.
 */
import { add, mul, sub, type Tensor } from "@tensorflow/tfjs-core";
import { checkNumber, checkPositive } from "./check.js";
import { type MembraneParams, membrane, type NeuronModel, type Parameter, reset, resetSpikes } from "./neuron.js";

/** Parameters of {@link izhikevich}. */
export interface IzhikevichParams extends MembraneParams {
  /** Strength a₀ of the quadratic term, above 0. @defaultValue 4 */
  readonly a0: Parameter;
  /** Potential V_rest that a neuron without a current returns to from below V_c. @defaultValue 0 */
  readonly vRest: Parameter;
  /** Potential V_c above which a neuron charges itself, as far as U lets it. @defaultValue 0.15 */
  readonly vCritical: Parameter;
  /** Rate of the recovery, per time-step; `a` in the paper. @defaultValue 0.02 */
  readonly recoveryRate: Parameter;
  /** Sensitivity of the recovery to the potential; `b` in the paper. @defaultValue 0.2 */
  readonly recoverySensitivity: Parameter;
  /** Rise of the recovery with each spike; `d` in the paper. @defaultValue 0.08 */
  readonly recoveryJump: Parameter;
}

/**
 * Izhikevich's charge: `H[t] = V[t-1] + a₀ (V[t-1] − V_rest) (V[t-1] − V_c) − U[t-1] + X[t]`.
 *
 * @param v potential V[t-1], any shape
 * @param u recovery U[t-1], shape of `v`
 * @param x input current X[t], shape of `v`
 * @returns charged potential H[t], shape of `v`
 */
export function izhikevichCharge(v: Tensor, u: Tensor, x: Tensor, params: IzhikevichParams): Tensor {
  const { a0, vRest, vCritical } = params;
  return add(add(v, sub(mul(a0, mul(sub(v, vRest), sub(v, vCritical))), u)), x);
}

/**
 * Izhikevich's recovery before the spike: `U[t-1] + a (b (H[t] − V_rest) − U[t-1])`.
 *
 * @param h charged potential H[t], any shape
 * @param u recovery U[t-1], shape of `h`
 * @returns recovery, shape of `h`, to which a spike adds d
 */
export function izhikevichRecovery(h: Tensor, u: Tensor, params: IzhikevichParams): Tensor {
  const { vRest, recoveryRate, recoverySensitivity } = params;
  return add(u, mul(recoveryRate, sub(mul(recoverySensitivity, sub(h, vRest)), u)));
}

/**
 * Izhikevich's model, regular spiking by default: with a time-step of 1 ms, potentials in units of 100 mV above −70 mV,
 * and U above its value at rest, these are the paper's `v' = 0.04 v² + 5 v + 140 − u + I`, `u' = a (b v − u)`,
 * a = 0.02, b = 0.2, c = −65, d = 8, and a peak of 30 mV; I is 100 X.
 *
 * The same in mV: `{ a0: 0.04, vRest: -70, vCritical: -55, vThreshold: 30, vReset: -65, recoveryJump: 8 }`; the slopes of
 * surrogates are then far away. For other patterns change V_reset (c), the rate, the sensitivity and the jump (a, b, d).
 *
 * State: `v`, and `u`, the recovery U, which starts at 0. `detachReset` cuts S from the gradient in the jump of U as well as in
 * the reset of V; SpikingJelly's IzhikevichNode cuts it in the reset of V alone.
 *
 * @example
 * const { spikes, state } = neuron(izhikevich)({ v: tensor1d([0.5]), u: tensor1d([0.25]) }, tensor1d([0.1]));
 * spikes.arraySync(); // [1]
 *
 * @throws RangeError when `a0` is not above 0, or a parameter is not finite
 */
export const izhikevich: NeuronModel<IzhikevichParams, "v" | "u"> = {
  name: "izhikevich",
  defaults: {
    ...membrane,
    vReset: 0.05,
    a0: 4,
    vRest: 0,
    vCritical: 0.15,
    recoveryRate: 0.02,
    recoverySensitivity: 0.2,
    recoveryJump: 0.08,
  },
  lowerBounds: { a0: 2 ** -8 },
  state: ({ vReset }) => ({ v: vReset, u: 0 }),
  charge({ v, u }, x, params) {
    const h = izhikevichCharge(v, u, x, params);
    return { v: h, u: izhikevichRecovery(h, u, params) };
  },
  reset: ({ v, u }, spikes, params) => ({
    v: reset(v, spikes, params),
    u: add(u, mul(params.recoveryJump, resetSpikes(spikes, params))),
  }),
  check({ a0, vRest, vCritical, recoveryRate, recoverySensitivity, recoveryJump }) {
    checkPositive("izhikevich", "a0", a0);
    checkNumber("izhikevich", { vRest, vCritical, recoveryRate, recoverySensitivity, recoveryJump });
  },
};
