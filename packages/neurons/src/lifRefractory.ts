/**
 * @file LIF with an absolute refractory period.
 *
 * W. Gerstner, W. M. Kistler, R. Naud and L. Paninski, "Neuronal Dynamics", Cambridge University Press 2014, section 1.3.
 */
import { detach } from "@sew/kernels";
import { add, cast, lessEqual, maximum, mul, sub, type Tensor } from "@tensorflow/tfjs-core";
import { checkBoolean, checkNotNegative, checkTau } from "./check.js";
import { type LifParams, lif, lifCharge } from "./lif.js";
import { fire, type NeuronModel, type Parameter, reset, resetSpikes } from "./neuron.js";

/** Parameters of {@link lifRefractory}. */
export interface LifRefractoryParams extends LifParams {
  /** Time-steps after a spike in which a neuron takes no current and does not fire, 0 or more. @defaultValue 2 */
  readonly refractory: Parameter;
}

/** 1 where R ≤ 0, else 0. A comparison has no derivative: no gradient passes. */
const isOver = (r: Tensor): Tensor => cast(lessEqual(detach(r), 0), "float32");

/**
 * Charge with a refractory period: that of LIF where R[t-1] ≤ 0, and `H[t] = V[t-1]` elsewhere.
 *
 * @param v potential V[t-1], any shape
 * @param r time-steps R[t-1] left of the refractory period, shape of `v`
 * @param x input current X[t], shape of `v`
 * @returns charged potential H[t], shape of `v`
 */
export function lifRefractoryCharge(v: Tensor, r: Tensor, x: Tensor, params: LifParams): Tensor {
  const ready = isOver(r);
  return add(mul(ready, lifCharge(v, x, params)), mul(sub(1, ready), v));
}

/**
 * The LIF model with a refractory period: `S[t] = Θ(H[t] − V_th)` where R[t-1] ≤ 0, else 0; a spike sets R[t] to the
 * period, and every other step lowers it by 1, down to 0.
 *
 * State: `v`, and `r`, the time-steps R that are left, which starts at 0. With a period of 0 the model is LIF.
 *
 * No gradient passes through R. A neuron with a period cannot fire in every step: no SEW AND block of it is an identity.
 *
 * @example
 * const { spikes, state } = unroll(neuron(lifRefractory), tensor2d([[2], [2], [2], [2]]));
 * spikes.arraySync(); // [[1], [0], [0], [1]]
 * state.r.arraySync(); // [2]
 *
 * @throws RangeError when `tau` is below 1, `refractory` is below 0, or one of them is not finite
 */
export const lifRefractory: NeuronModel<LifRefractoryParams, "v" | "r"> = {
  name: "lifRefractory",
  defaults: { ...lif.defaults, refractory: 2 },
  lowerBounds: { tau: 1, refractory: 0 },
  state: ({ vReset }) => ({ v: vReset, r: 0 }),
  charge: ({ v, r }, x, params) => ({ v: lifRefractoryCharge(v, r, x, params) }),
  fire: ({ v, r }, { vThreshold }, spike) => mul(fire(v, vThreshold, spike), isOver(r)),
  reset({ v, r }, spikes, params) {
    const s = resetSpikes(spikes, params);
    return {
      v: reset(v, spikes, params),
      r: add(mul(s, params.refractory), mul(sub(1, s), maximum(sub(r, 1), 0))),
    };
  },
  check({ tau, decayInput, refractory }) {
    checkTau("lifRefractory", tau);
    checkBoolean("lifRefractory", { decayInput });
    checkNotNegative("lifRefractory", "refractory", refractory);
  },
};
