/** @file What comes after a norm: neurons in a spiking network, ReLU in its ANN counterpart. */
import type { Neuron } from "@sew/neurons";
import { relu } from "@tensorflow/tfjs-core";
import type { Module } from "./module.js";

/** A layer of activations: currents `[T, N, ...] → [T, N, ...]`. */
export interface Activation extends Module {
  /** The neuron of a spiking layer; an activation without one has no state and does not spike. */
  readonly neuron?: Neuron;
}

/** Makes one layer of activations, such as `ifNeurons()` or `relus()` do. */
export type ActivationFactory = () => Activation;

/**
 * Makes layers of ReLU, `y = max(x, 0)`: they turn a spiking network into the ANN that it is compared with.
 *
 * @example
 * relus()().forward(tensor2d([[-1, 2]]), evaluation).arraySync(); // [[0, 2]]
 */
export function relus(): ActivationFactory {
  return () => ({ forward: (x) => relu(x) });
}
