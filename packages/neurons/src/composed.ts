import type { Tensor } from "@tensorflow/tfjs-core";
import type { Neuron, State } from "./neuron.js";

/**
 * The same neuron without its program: each step runs as composed operations, on every backend.
 *
 * What a fused kernel is held against, and what calls the spike function at every step.
 *
 * @example
 * neuron(lif).program === undefined; // false
 * composed(neuron(lif)).program === undefined; // true
 */
export function composed<S extends string>(fused: Neuron<S>): Neuron<S> {
  const { program: _, ...rest } = fused;
  return Object.assign((state: State<S>, x: Tensor) => fused(state, x), rest, { parameters: [] });
}
