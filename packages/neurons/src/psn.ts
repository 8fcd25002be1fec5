/**
 * @file Parallel spiking neuron (PSN).
 *
 * W. Fang et al., "Parallel Spiking Neurons with High Efficiency and Ability to Learn Long-term Dependencies", NeurIPS 2023,
 * Eqs. 8 and 9.
 */
import { type Tensor2D, tensor } from "@tensorflow/tfjs-core";
import { checkCount } from "./check.js";
import type { ParallelNeuronModel, ParallelWeights } from "./parallelNeuron.js";

/** Parameters of {@link psn}. */
export interface PsnParams {
  /** T, the time-steps of a sequence; 1 or more. */
  readonly steps: number;
}

/**
 * The PSN model: `H = W X + B` with a learned W `[T, T]`. Each time-step depends on all, the later ones included, so that a
 * sequence has T steps and comes at once.
 *
 * At the start W is uniform in ±1/√T, and B −1.
 *
 * @example
 * const weights = { weight: tensor2d([[1, 0], [0.5, 1]]), bias: tensor2d([[-1], [-1]]) };
 * parallelNeuron(psn, { steps: 2 })(tensor2d([[0.8], [0.7]]), weights).spikes.arraySync(); // [[0], [1]]
 *
 * @throws RangeError when `steps` is not an integer of at least 1
 */
export const psn: ParallelNeuronModel<PsnParams> = {
  name: "psn",
  defaults: {},
  steps: ({ steps }) => steps,
  initial: ({ steps }, uniform) => uniformRows(steps, uniform),
  rows: (weight) => weight as Tensor2D,
  causal: ({ steps }) => steps === 1,
  check: ({ steps }) => checkCount("psn", "steps", steps, "; pass the T of the sequences"),
};

/** Weights `[T, T]` uniform in ±1/√T (Kaiming with a = √5), and B = −1. */
export function uniformRows(steps: number, uniform: (bound: number) => number): ParallelWeights {
  const weight = Float32Array.from({ length: steps * steps }, () => uniform(1 / Math.sqrt(steps)));
  return {
    weight: tensor(weight, [steps, steps]),
    bias: tensor(new Float32Array(steps).fill(-1), [steps, 1]),
  };
}
