/**
 * @file Sliding parallel spiking neuron.
 *
 * W. Fang et al., "Parallel Spiking Neurons with High Efficiency and Ability to Learn Long-term Dependencies", NeurIPS 2023,
 * Eqs. 13 and 14.
 */
import { matMul, reshape, scalar, type Tensor2D, tensor1d, tensor2d } from "@tensorflow/tfjs-core";
import { checkCount } from "./check.js";
import type { ParallelNeuronModel } from "./parallelNeuron.js";

/** Parameters of {@link slidingPsn}. */
export interface SlidingPsnParams {
  /** k, the time-steps that one depends on, its own included; 1 or more. @defaultValue 2 */
  readonly order: number;
}

/**
 * The sliding PSN model: `H[t] = Σ_i W[i] X[t − k + 1 + i] + B` for i = 0 … k − 1, with X = 0 before the first step. Its k
 * weights hold at every step, so that T is free, and a sequence may come in pieces.
 *
 * At the start W[i] is 2^(i − k + 1), which falls by half with each step into the past, and B −1.
 *
 * @example
 * const weights = { weight: tensor1d([0.5, 1]), bias: scalar(-1) };
 * const x = tensor2d([[0.8], [0.7], [0.5], [0.9]]);
 * parallelNeuron(slidingPsn)(x, weights).spikes.arraySync(); // [[0], [1], [0], [1]]
 *
 * @throws RangeError when `order` is not an integer of at least 1
 */
export const slidingPsn: ParallelNeuronModel<SlidingPsnParams> = {
  name: "slidingPsn",
  defaults: { order: 2 },
  initial: ({ order }) => ({
    weight: tensor1d(Float32Array.from({ length: order }, (_, i) => 2 ** (i - order + 1))),
    bias: scalar(-1),
  }),
  rows(weight, { order }, before, steps) {
    const all = before + steps;
    // W[t, j] is the weight that is t − j steps back, as a product with 0 and 1, through which gradients pass.
    const places = new Float32Array(order * steps * all);
    for (let t = 0; t < steps; t++) {
      for (let back = 0; back < Math.min(order, before + t + 1); back++) {
        places[((order - 1 - back) * steps + t) * all + before + t - back] = 1;
      }
    }
    const rows = matMul(reshape(weight, [1, order]), tensor2d(places, [order, steps * all]));
    return reshape(rows, [steps, all]) as Tensor2D;
  },
  causal: () => true,
  lookback: ({ order }) => order - 1,
  check: ({ order }) => checkCount("slidingPsn", "order", order),
};
