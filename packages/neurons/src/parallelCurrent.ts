import { fill, mul, tensor1d, tidy } from "@tensorflow/tfjs-core";
import type { ParallelNeuron, ParallelWeights } from "./parallelNeuron.js";

/** Rounding may leave H just below the threshold: factors tried beside 1. */
const near = [1, 1 + 2 ** -20, 1 - 2 ** -20];

/**
 * A constant current at which a parallel neuron fires at every time-step (1), or at none (0), with its present weights.
 *
 * H is B plus the current times the sum of the step's weights. Tried are 0, and the currents at which H is 0 at some step, with
 * their doubles.
 *
 * @throws RangeError when it does not at any of them, as where the sums of the weights have different signs
 *
 * @example
 * const weights = { weight: tensor1d([0.5, 1]), bias: scalar(-1) };
 * parallelCurrent(parallelNeuron(slidingPsn), weights, 1); // 1
 * parallelCurrent(parallelNeuron(slidingPsn), weights, 0); // 0
 */
export function parallelCurrent(neuron: ParallelNeuron, weights: ParallelWeights, spike: 0 | 1): number {
  const steps = neuron.span;
  const read = (current: number) => tidy(() => neuron.charge(fill([steps, 1], current), weights).dataSync());
  const [bias, one] = [read(0), read(1)];
  const roots = Array.from(bias, (b, t) => -b / (one[t]! - b)).filter(Number.isFinite);
  const tried = [0, ...roots.flatMap((root) => [1, 2].flatMap((times) => near.map((factor) => times * factor * root)))];
  const fired = tidy(() => {
    const x = mul(fill([steps, 1], 1), tensor1d(tried));
    return neuron(x, weights).spikes.dataSync();
  });
  const current = tried.find((_, i) => fired.every((s, at) => at % tried.length !== i || s === spike));
  if (current === undefined) {
    const must = spike === 1 ? "fire at every time-step" : "be silent";
    throw new RangeError(
      `parallelCurrent: neuron must ${must} at some constant current, got ${neuron.model} whose present weights have none`,
    );
  }
  return Math.fround(current);
}
