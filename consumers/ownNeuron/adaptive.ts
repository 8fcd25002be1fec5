/** @file A neuron of one's own, as an author outside this repository writes it: two state variables, own fire and reset. */
import {
  checkNumber,
  fire,
  type LifParams,
  lif,
  lifCharge,
  type NeuronModel,
  type Parameter,
  reset,
  resetSpikes,
} from "@sew/neurons";
import { add, mul } from "@tensorflow/tfjs-core";

/** Parameters of {@link adaptive}. */
export interface AdaptiveParams extends LifParams {
  /** What a spike adds to the threshold. @defaultValue 0.25 */
  readonly jump: Parameter;
}

/** LIF with the threshold V_th + a; `a[t] = a[t-1] / 2 + jump · S[t]`. */
export const adaptive: NeuronModel<AdaptiveParams, "v" | "a"> = {
  name: "adaptive",
  defaults: { ...lif.defaults, jump: 0.25 },
  state: ({ vReset }) => ({ v: vReset, a: 0 }),
  charge: ({ v }, x, params) => ({ v: lifCharge(v, x, params) }),
  fire: ({ v, a }, { vThreshold }, spike) => fire(v, add(vThreshold, a), spike),
  reset: ({ v, a }, spikes, params) => ({
    v: reset(v, spikes, params),
    a: add(mul(a, 0.5), mul(params.jump, resetSpikes(spikes, params))),
  }),
  check(params) {
    lif.check(params);
    checkNumber("adaptive", { jump: params.jump });
  },
};
