/**
 * @file Gated leaky integrate-and-fire (GLIF): learned mixtures of two leaks, two integrations and two resets.
 *
 * X. Yao, F. Li, Z. Mo and J. Cheng, "GLIF: A Unified Gated Leaky Integrate-and-Fire Neuron for Spiking Neural Networks",
 * NeurIPS 2022, channel-wise. Its conductance differs from step to step; here one holds for all, so that T is free.
 */
import { add, mul, sigmoid, sub, type Tensor } from "@tensorflow/tfjs-core";
import { checkNumber } from "./check.js";
import { type MembraneParams, membrane, type NeuronModel, type Parameter, resetSpikes } from "./neuron.js";

/**
 * Parameters of {@link glif}, all but the membrane's inverse sigmoids. A layer learns them and V_th, one per channel.
 *
 * The reset is that of γ: `reset` counts for nothing, and V_reset is where a sequence starts.
 */
export interface GlifParams extends MembraneParams {
  /** Leak gate, α = sigmoid(alpha): exponential at 1, linear at 0. @defaultValue 0 */
  readonly alpha: Parameter;
  /** Integration gate, β = sigmoid(beta): the current is scaled by g at 1, and whole at 0. @defaultValue 0 */
  readonly beta: Parameter;
  /** Reset gate, γ = sigmoid(gamma): to what the current brings at 1, by V_sub at 0. @defaultValue 0 */
  readonly gamma: Parameter;
  /** Exponential leak, τ = sigmoid(decay): what stays of the potential in a step. @defaultValue −ln 3, which is τ = 1/4 */
  readonly decay: Parameter;
  /** Linear leak, λ = sigmoid(linearDecay): what the potential loses in a step. @defaultValue −ln 15, which is λ = 1/16 */
  readonly linearDecay: Parameter;
  /** Conductance, g = sigmoid(conductance). @defaultValue 0, which is g = 1/2 */
  readonly conductance: Parameter;
  /** Fall of the potential with a spike, V_sub = sigmoid(subtraction). @defaultValue 0, which is V_sub = 1/2 */
  readonly subtraction: Parameter;
}

/** The names of the parameters that are inverse sigmoids. */
const gates = ["alpha", "beta", "gamma", "decay", "linearDecay", "conductance", "subtraction"] as const;

/**
 * GLIF charge:
 * `H[t] = (1 − α (1 − τ)) (1 − γ S[t-1]) V[t-1] − (1 − α) λ + (1 − β (1 − g)) X[t] − (1 − γ) V_sub S[t-1]`.
 *
 * @param v potential V[t-1], not yet reset, any shape
 * @param s spikes S[t-1], shape of `v`
 * @param x input current X[t], shape of `v`
 * @returns charged potential H[t], shape of `v`
 */
export function glifCharge(v: Tensor, s: Tensor, x: Tensor, params: GlifParams): Tensor {
  const [alpha, beta, gamma, tau, lambda, g, vSub] = gates.map((name) => sigmoid(params[name]));
  const kept = mul(sub(1, mul(alpha!, sub(1, tau!))), mul(sub(1, mul(gamma!, s)), v));
  const brought = mul(sub(1, mul(beta!, sub(1, g!))), x);
  return sub(add(sub(kept, mul(sub(1, alpha!), lambda!)), brought), mul(mul(sub(1, gamma!), vSub!), s));
}

/**
 * The GLIF model. The reset comes with the charge of the next step: `V[t] = H[t]`, and S[t] is part of the state.
 *
 * State: `v`, the potential before its reset, and `s`, the spikes of the step before, which start at 0. `detachReset` is
 * false by default, as published.
 *
 * @example
 * const { spikes, state } = unroll(neuron(glif), tensor2d([[1], [0]]));
 * spikes.arraySync(); // [[1], [0]]
 * state.v.arraySync()[0].toFixed(5); // "-0.05664"
 *
 * @throws RangeError when a parameter is not finite
 */
export const glif: NeuronModel<GlifParams, "v" | "s"> = {
  name: "glif",
  defaults: {
    ...membrane,
    vThreshold: 0.5,
    detachReset: false,
    alpha: 0,
    beta: 0,
    gamma: 0,
    decay: -Math.log(3),
    linearDecay: -Math.log(15),
    conductance: 0,
    subtraction: 0,
  },
  learns: { vThreshold: "channel", ...Object.fromEntries(gates.map((name) => [name, "channel" as const])) },
  lowerBounds: { vThreshold: 2 ** -8 },
  state: ({ vReset }) => ({ v: vReset, s: 0 }),
  charge: ({ v, s }, x, params) => ({ v: glifCharge(v, s, x, params) }),
  reset: (_, spikes, params) => ({ s: resetSpikes(spikes, params) }),
  check(params) {
    checkNumber("glif", Object.fromEntries(gates.map((name) => [name, params[name]])));
  },
};
