import { fill, reshape, stack, type Tensor, tidy, unstack } from "@tensorflow/tfjs-core";
import { canFuse, multiStepNeuron } from "./multiStepNeuron.js";
import type { Neuron } from "./neuron.js";

/** A whole sequence. `spikes` has the shape of `x`; `v` is the potential after the last step, without the time axis. */
export interface Unrolled {
  readonly spikes: Tensor;
  readonly v: Tensor;
}

/**
 * Runs a neuron over a sequence: Eqs. 1-3 for t = 1 ... T.
 *
 * One fused kernel does all steps where the backend has it and the neuron is one that it knows; composed operations
 * of the same meaning do it everywhere else.
 *
 * @param neuron a neuron whose parameters are fixed
 * @param x input currents `[T, ...]`, time first
 * @param v potential before the first step, `[...]`; V_reset everywhere unless given
 * @returns spikes `[T, ...]` and the potential after the last step `[...]`, ready for the next call
 * @throws RangeError when `x` has no time axis or T = 0, or when the shapes of `x` and `v` disagree
 *
 * @example
 * const { spikes, v } = unroll(neuron(integrateAndFire), tensor2d([[0.5], [0.5], [0.25]]));
 * spikes.arraySync(); // [[0], [1], [0]]
 * v.arraySync(); // [0.25]
 */
export function unroll(neuron: Neuron, x: Tensor, v?: Tensor): Unrolled {
  const [steps, ...shape] = x.shape;
  if (steps === undefined || steps === 0) {
    throw new RangeError(`unroll: x must be [T, ...] with T at least 1, got [${x.shape}]`);
  }
  if (v !== undefined && String(v.shape) !== String(shape)) {
    throw new RangeError(`unroll: v must be [${shape}], the shape of one step of x [${x.shape}], got [${v.shape}]`);
  }
  if (canFuse(neuron)) return tidy(() => ({ ...multiStepNeuron(neuron, x, v) }));
  return tidy(() => {
    let potential = v ?? fill(shape, neuron.params.vReset);
    // The gradient of unstack fails on a single step (TensorFlow.js 4.22: it stacks a tensor instead of a list).
    const currents = steps === 1 ? [reshape(x, shape)] : unstack(x);
    const spikes = currents.map((current) => {
      const step = neuron(potential, current);
      potential = step.v;
      return step.spikes;
    });
    return { spikes: stack(spikes), v: potential };
  });
}
