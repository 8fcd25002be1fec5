/** @file What comes after a norm: neurons in a spiking network, ReLU in its ANN counterpart. */
import type { Emission, Neuron, ParallelNeuron } from "@sew/neurons";
import { relu } from "@tensorflow/tfjs-core";
import type { Module } from "./module.js";

/** A layer of activations: currents `[T, N, ...] → [T, N, ...]`. */
export interface Activation extends Module {
  /** The neuron that the layer unrolls. @defaultValue none: an activation that has no state */
  readonly neuron?: Neuron;
  /** The parallel neuron of the layer, whose weights are the layer's parameters. @defaultValue none */
  readonly parallel?: ParallelNeuron;
  /** What a layer of neurons emits. @defaultValue none: the activation is no layer of neurons */
  readonly emits?: Emission;
  /**
   * A constant current at which the layer emits 1 at every time-step, or 0 at every one; see `firingCurrent` and
   * `silentCurrent`. @defaultValue none: the activation passes 0 and 1 on as they are
   */
  readonly constantCurrent?: (emitted: 0 | 1) => number;
}

/**
 * What a module emits where it is a layer of neurons; undefined where it is none.
 *
 * @example
 * emissionOf(neurons(lif)(4)); // { kind: "bits" }
 * emissionOf(relus()(4)); // undefined
 */
export function emissionOf(module: Module): Emission | undefined {
  return (module as Activation).emits;
}

/**
 * The neuron of a layer of neurons, with a state or parallel; undefined where a module is none.
 *
 * @example
 * neuronOf(neurons(lif)(4)).model; // "lif"
 * neuronOf(parallelNeurons(psn, { steps: 4 })(4)).model; // "psn"
 * neuronOf(relus()(4)); // undefined
 */
export function neuronOf(module: Module): Neuron | ParallelNeuron | undefined {
  const { emits, neuron, parallel } = module as Activation;
  return emits && (neuron ?? parallel);
}

/** Makes one layer of activations for inputs of so many channels, such as `neurons(lif)` or `relus()`. */
export type ActivationFactory<A extends Activation = Activation> = (channels: number) => A;

/**
 * Makes layers of ReLU, `y = max(x, 0)`: they turn a spiking network into the ANN that it is compared with.
 *
 * @example
 * relus()(2).forward(tensor2d([[-1, 2]]), evaluation).arraySync(); // [[0, 2]]
 */
export function relus(): ActivationFactory {
  return () => ({ forward: (x) => relu(x) });
}
