import {
  type NeuronFormula,
  type NormNeuronAttrs,
  normNeuron as normThenFire,
  normNeuronTraining as normThenFireTraining,
  programParameters,
  unrecorded,
} from "@sew/kernels";
import type { Tensor } from "@tensorflow/tfjs-core";
import type { Activation } from "./activation.js";
import { type BatchNorm, normalised } from "./batchNorm.js";
import { isLastReader } from "./memory/freeAfterUse.js";
import { type Context, run } from "./module.js";

/** Spikes, and the statistics of the currents before the norm. */
type Fired = readonly [spikes: Tensor, mean: Tensor, variance: Tensor];

/**
 * Batch norm and a neuron layer on its output: `S = SN(BN(x))`.
 *
 * Where the backend has the kernels for it, the normalised currents are never in memory, and training saves x alone for
 * the backward pass. The values are the same. An observer sees the neurons alone then.
 *
 * @param x `[T, N, ..., C]`
 * @returns spikes of the shape of `x`
 */
export function normNeuron(norm: BatchNorm, activation: Activation, x: Tensor, context: Context): Tensor {
  const { training, observe, memory } = context;
  const { neuron } = activation;
  // The kernels start at rest: with a memory the layer itself runs.
  if (neuron?.program === undefined || memory !== undefined) {
    return run(activation, run(norm, x, context), context);
  }
  norm.check(x, training);
  const attrs: NormNeuronAttrs = { ...(neuron as NeuronFormula), epsilon: norm.epsilon, isLastReader };
  const { bias: offset } = norm.parameters;
  const parameters = programParameters(neuron);
  const scale = norm.scale();
  const [spikes, mean, variance] = training ? fireTraining() : fireEvaluation();
  const currents = () => unrecorded(() => normalised(x, [mean, variance, offset, scale], norm.epsilon));
  observe?.(activation, spikes, currents);
  return spikes;

  function fireTraining(): Fired {
    const fired = normThenFireTraining([x, scale, offset, ...parameters], attrs) as unknown as Fired;
    norm.update(fired[1], fired[2], x.size / offset.size);
    return fired;
  }

  function fireEvaluation(): Fired {
    const { runningMean: mean, runningVar: variance } = norm.buffers;
    const [spikes] = normThenFire([x, mean, variance, scale, offset, ...parameters], attrs);
    return [spikes!, mean, variance];
  }
}
