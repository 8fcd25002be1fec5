import {
  type NeuronFormula,
  type NormNeuronAttrs,
  normNeuron as normThenFire,
  normNeuronTraining as normThenFireTraining,
  programParameters,
} from "@sew/kernels";
import { checkChannels } from "@sew/neurons";
import type { Tensor } from "@tensorflow/tfjs-core";
import type { Activation } from "./activation.js";
import type { BatchNorm } from "./batchNorm.js";
import { isLastReader } from "./memory/freeAfterUse.js";
import { type Context, run } from "./module.js";

/**
 * Batch norm and a neuron layer on its output: `S = SN(BN(x))`.
 *
 * Where the backend has the kernels for it, the normalised currents are never in memory, and training saves x alone for
 * the backward pass. The values are the same. (In evaluation an observer sees the norm's output as well, so that it is
 * computed.)
 *
 * @param x `[T, N, ..., C]`
 * @returns spikes of the shape of `x`
 */
export function normNeuron(norm: BatchNorm, activation: Activation, x: Tensor, context: Context): Tensor {
  const { training, observe, memory } = context;
  const { neuron } = activation;
  const observesNorm = observe !== undefined && !training;
  // The kernels start at rest: with a memory the layer itself runs.
  if (neuron?.program === undefined || observesNorm || memory !== undefined) {
    return run(activation, run(norm, x, context), context);
  }
  norm.check(x, training);
  checkChannels(neuron, x, x.shape.at(-1));
  const attrs: NormNeuronAttrs = { ...(neuron as NeuronFormula), epsilon: norm.epsilon, isLastReader };
  const { bias: offset } = norm.parameters;
  const parameters = programParameters(neuron);
  const spikes = training ? fireTraining() : fireEvaluation();
  observe?.(activation, spikes);
  return spikes;

  function fireTraining(): Tensor {
    const [spikes, mean, variance] = normThenFireTraining([x, norm.scale(), offset, ...parameters], attrs);
    norm.update(mean!, variance!, x.size / offset.size);
    return spikes!;
  }

  function fireEvaluation(): Tensor {
    const { runningMean: mean, runningVar: variance } = norm.buffers;
    return normThenFire([x, mean, variance, norm.scale(), offset, ...parameters], attrs)[0]!;
  }
}
