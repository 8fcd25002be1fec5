/**
 * @file LIF with a learned threshold for each channel (LTLIF).
 *
 * N. Rathi and K. Roy, "DIET-SNN: A Low-Latency Spiking Neural Network With Direct Input Encoding and Leakage and
 * Threshold Optimization", IEEE Transactions on Neural Networks and Learning Systems 34(6), 2023, where a layer has one.
 */
import { checkBoolean, checkTau } from "./check.js";
import { type LifParams, lif } from "./lif.js";
import type { NeuronModel } from "./neuron.js";

/**
 * The LIF model of which layers learn a threshold for each channel: `S[t] = Θ(H[t] − V_th)` with the charge of {@link lif}.
 *
 * Training keeps V_th at 2⁻⁸ or more. The gradient of a threshold is −σ'(H − V_th) through each spike, and −S[t] through each
 * soft reset.
 *
 * @example
 * const vThreshold = variable(tensor1d([0.5, 1]));
 * const { spikes } = neuron(ltlif, { vThreshold })({ v: zeros([2]) }, tensor1d([1, 1]));
 * spikes.arraySync(); // [1, 0]
 *
 * @throws RangeError when `tau` is below 1 or not finite
 */
export const ltlif: NeuronModel<LifParams> = {
  ...lif,
  name: "ltlif",
  learns: { vThreshold: "channel" },
  lowerBounds: { ...lif.lowerBounds, vThreshold: 2 ** -8 },
  check({ tau, decayInput }) {
    checkTau("ltlif", tau);
    checkBoolean("ltlif", { decayInput });
  },
};
