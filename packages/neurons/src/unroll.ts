import { floats, multiStepNeuron, programParameters } from "@sew/kernels";
import { type Tensor, tidy } from "@tensorflow/tfjs-core";
import { checkChannels } from "./check.js";
import { checkState } from "./checkState.js";
import type { Neuron, State } from "./neuron.js";

/** A whole sequence. `spikes` has the shape of `x`; the state after the last step has no time axis. */
export interface Unrolled<S extends string = string> {
  readonly spikes: Tensor;
  readonly state: State<S>;
}

/**
 * Runs a neuron over a sequence: Eqs. 1-3 for t = 1 … T.
 *
 * One fused kernel does all steps where the backend has it and the neuron has a program; composed operations of the same
 * meaning do it everywhere else.
 *
 * @param neuron a neuron whose parameters are fixed
 * @param x input currents `[T, ...]`, time first
 * @param state the state before the first step, a tensor `[...]` for each variable. @defaultValue the neuron's initial state
 * @returns spikes `[T, ...]` and the state after the last step, ready for the next call
 * @throws RangeError when `x` has no time axis or T = 0, when the state has other variables or another shape, or when a
 *   parameter per channel does not fit the last axis of `x`
 *
 * @example
 * const { spikes, state } = unroll(neuron(integrateAndFire), tensor2d([[0.5], [0.5], [0.25]]));
 * spikes.arraySync(); // [[0], [1], [0]]
 * state.v.arraySync(); // [0.25]
 */
export function unroll<S extends string>(neuron: Neuron<S>, x: Tensor, state?: NoInfer<State<S>>): Unrolled<S> {
  const [steps, ...shape] = x.shape;
  if (steps === undefined || steps === 0) {
    throw new RangeError(`unroll: x must be [T, ...] with T at least 1, got [${x.shape}]`);
  }
  checkChannels(neuron, x, shape.at(-1));
  checkState("unroll", neuron, x, state);
  return tidy(() => {
    const before = state ?? neuron.initialState(shape);
    // Not all backends add truth values as numbers.
    const inputs = [x, ...neuron.stateNames.map((name) => before[name])].map(floats);
    const [spikes, ...after] = multiStepNeuron([...inputs, ...programParameters(neuron)], neuron);
    const names = neuron.stateNames;
    return { spikes: spikes!, state: Object.fromEntries(names.map((name, i) => [name, after[i]!])) as State<S> };
  });
}
