/**
 * @file The kernels that a backend may offer for batch norm and the neurons behind it, in one pass over memory.
 *
 * A backend registers all three under the names below; normNeuron uses them when it has them. The spikes are then those
 * of FusedBatchNorm and MultiStepNeuron, one after the other, bit for bit.
 */
import type { MultiStepNeuronAttrs } from "@sew/neurons";
import { getBackend, getKernel } from "@tensorflow/tfjs-core";

/** Input: `x` [..., C]. Outputs: its mean [C] and biased variance [C] over all axes but the last. */
export const BATCH_STATISTICS = "BatchStatistics";
/**
 * Inputs: `x` [T, ..., C], `mean`, `variance`, `scale` and `offset` [C], and `rate` [], which only learned leaks read.
 * Output: the spikes [T, ..., C] of a sequence from rest.
 */
export const NORM_NEURON = "NormNeuron";
/** Inputs: those of the forward kernel, and `dSpikes`. Outputs: the gradients of `x`, `scale`, `offset` and `rate`. */
export const NORM_NEURON_GRAD = "NormNeuronGrad";

/** Attributes of {@link NORM_NEURON}. */
export interface NormNeuronAttrs {
  /** Added to the variance before its root is taken. */
  readonly epsilon: number;
  /** Whether mean and variance are those of x, so that gradients flow through them too. */
  readonly ownStatistics: boolean;
  readonly neuron: MultiStepNeuronAttrs;
}

/** Attributes of {@link NORM_NEURON_GRAD}. */
export interface NormNeuronGradAttrs extends NormNeuronAttrs {
  /** Whether nobody will read `dSpikes` again, so that the gradient of x may take its memory. */
  readonly overwrite: boolean;
}

/** Whether the current backend has the kernels. */
export function hasNormNeuron(): boolean {
  return [BATCH_STATISTICS, NORM_NEURON, NORM_NEURON_GRAD].every((name) => getKernel(name, getBackend()) !== undefined);
}
