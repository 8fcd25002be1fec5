/**
 * @file Integer LIF (I-LIF): it emits whole numbers from 0 to D, which D binary time-steps can stand for.
 *
 * X. Luo, M. Yao, Y. Chou, B. Xu and G. Li, "Integer-Valued Training and Spike-Driven Inference Spiking Neural Network
 * for High-performance and Energy-efficient Object Detection", ECCV 2024.
 */
import { shown, withSlope } from "@sew/kernels";
import {
  add,
  cast,
  div,
  lessEqual,
  logicalAnd,
  maximum,
  minimum,
  mul,
  round,
  sub,
  type Tensor,
} from "@tensorflow/tfjs-core";
import { checkPositive, checkTau } from "./check.js";
import {
  type MembraneParams,
  membrane,
  type NeuronModel,
  type Parameter,
  resetSpikes,
  restingPotential,
} from "./neuron.js";

/** Parameters of {@link ilif}. The reset is always soft. */
export interface IlifParams extends MembraneParams {
  /** Membrane time constant τ, in time-steps; at least 1. @defaultValue 4/3 */
  readonly tau: Parameter;
  /** The most that a neuron emits in a time-step, D; an integer from 1 to 255. @defaultValue 4 */
  readonly maxSpikes: number;
}

/**
 * I-LIF charge: `H[t] = (1 − 1/τ) V[t-1] + X[t]`.
 *
 * @param v potential V[t-1], any shape
 * @param x input current X[t], shape of `v`
 * @returns charged potential H[t], shape of `v`
 */
export function ilifCharge(v: Tensor, x: Tensor, { tau }: Pick<IlifParams, "tau">): Tensor {
  return add(sub(v, div(v, tau)), x);
}

/**
 * I-LIF spikes: `S[t] = round(clip(H[t] / V_th, 0, D))`, halves to even, with the derivative 1 by H/V_th in [0, D] and 0
 * elsewhere.
 *
 * @param h charged potential H[t], any shape
 * @returns whole numbers from 0 to D, shape of `h`
 */
export function ilifFire(h: Tensor, { vThreshold, maxSpikes }: Pick<IlifParams, "vThreshold" | "maxSpikes">): Tensor {
  const count = withSlope(
    (u) => round(minimum(maximum(u, 0), maxSpikes)),
    (u) => cast(logicalAnd(lessEqual(0, u), lessEqual(u, maxSpikes)), "float32"),
  );
  return count(div(h, vThreshold));
}

/**
 * The I-LIF model. It emits counts, has a slope of its own (no surrogate changes it), and resets softly: V[t] = H[t] − V_th S[t].
 *
 * @example
 * const { spikes, state } = unroll(neuron(ilif), tensor2d([[1.25], [3], [-1]]));
 * spikes.arraySync(); // [[1], [3], [0]]
 *
 * @throws RangeError when `tau` is below 1 or not finite, `maxSpikes` is not an integer from 1 to 255, or the reset is hard
 */
export const ilif: NeuronModel<IlifParams> = {
  name: "ilif",
  defaults: { ...membrane, reset: "soft", tau: 4 / 3, maxSpikes: 4 },
  lowerBounds: { tau: 1, vThreshold: 2 ** -8 },
  state: restingPotential,
  charge: ({ v }, x, params) => ({ v: ilifCharge(v, x, params) }),
  fire: ({ v }, params) => ilifFire(v, params),
  emits: ({ maxSpikes }) => ({ kind: "counts", most: maxSpikes }),
  reset: ({ v }, spikes, params) => ({ v: sub(v, mul(params.vThreshold, resetSpikes(spikes, params))) }),
  check({ tau, vThreshold, maxSpikes, reset }) {
    checkTau("ilif", tau);
    checkPositive("ilif", "vThreshold", vThreshold);
    if (!(Number.isInteger(maxSpikes) && maxSpikes >= 1 && maxSpikes <= 255)) {
      throw new RangeError(`ilif: maxSpikes must be an integer from 1 to 255, got ${shown(maxSpikes)}`);
    }
    if (reset !== "soft") throw new RangeError(`ilif: reset must be "soft", got ${shown(reset)}`);
  },
};
