import {
  type EifParams,
  eif,
  type IfParams,
  integrateAndFire,
  type LifParams,
  lif,
  type Neuron,
  neuron,
  type PlifParams,
  plif,
  plifInitial,
  type QifParams,
  qif,
  unroll,
} from "@sew/neurons";
import { scalar, tidy, type Variable } from "@tensorflow/tfjs-core";
import type { Module } from "./module.js";
import { owned } from "./owned.js";

/** A layer of neurons: currents `[T, N, ...] → spikes [T, N, ...]`, each sequence from rest. */
export interface Spiking extends Module {
  readonly neuron: Neuron;
}

/** Makes one layer of neurons. Blocks call it once for each, so that each has parameters of its own. */
export type SpikingFactory = () => Spiking;

/**
 * A layer of the given neuron, `S = unroll(neuron, X)`, always from rest: there is no state to forget between batches.
 *
 * @param parameters the variables among the neuron's parameters, by name
 *
 * @example
 * const layer = spiking(neuron(integrateAndFire));
 * layer.forward(tensor2d([[0.5], [0.5]]), evaluation).arraySync(); // [[0], [1]]
 */
export function spiking(neuron: Neuron, parameters: Readonly<Record<string, Variable>> = {}): Spiking {
  return { neuron, parameters, forward: (x) => tidy(() => unroll(neuron, x).spikes) };
}

/** Makes layers of IF neurons (Eq. 4). */
export function ifNeurons(params: Partial<IfParams> = {}, spike?: Neuron["spike"]): SpikingFactory {
  return () => spiking(neuron(integrateAndFire, params, spike));
}

/** Makes layers of LIF neurons (Eq. 5). */
export function lifNeurons(params: Partial<LifParams> = {}, spike?: Neuron["spike"]): SpikingFactory {
  return () => spiking(neuron(lif, params, spike));
}

/** Makes layers of QIF neurons, which charge themselves above V_c. */
export function qifNeurons(params: Partial<QifParams> = {}, spike?: Neuron["spike"]): SpikingFactory {
  return () => spiking(neuron(qif, params, spike));
}

/** Makes layers of EIF neurons, which take off exponentially about θ_rh. */
export function eifNeurons(params: Partial<EifParams> = {}, spike?: Neuron["spike"]): SpikingFactory {
  return () => spiking(neuron(eif, params, spike));
}

/** Options of {@link plifNeurons}. */
export interface PlifOptions extends Partial<Omit<PlifParams, "w">> {
  /** τ at the start, in time-steps; above 1. */
  readonly initialTau?: number;
  /** Whether training changes w; without it the layer is LIF with a fixed τ. */
  readonly learnTau?: boolean;
}

/** Makes layers of PLIF neurons (Eq. 5 with 1/τ = sigmoid(w)), each with one learnable `w`. */
export function plifNeurons(options: PlifOptions = {}, spike?: Neuron["spike"]): SpikingFactory {
  const { initialTau = 2, learnTau = true, ...params } = options;
  return () => {
    const w = owned(scalar(plifInitial(initialTau)), learnTau);
    return spiking(neuron(plif, { ...params, w }, spike), { w });
  };
}
