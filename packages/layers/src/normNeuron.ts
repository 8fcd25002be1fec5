import { canFuse, fusedAttrs, fusedRate, type Neuron, runKernel } from "@sew/neurons";
import { customGrad, type GradSaveFunc, type Tensor } from "@tensorflow/tfjs-core";
import type { Activation } from "./activation.js";
import type { BatchNorm } from "./batchNorm.js";
import { isHandedOver } from "./lean.js";
import { type Context, run } from "./module.js";
import {
  BATCH_STATISTICS,
  hasNormNeuron,
  NORM_NEURON,
  NORM_NEURON_GRAD,
  type NormNeuronAttrs,
  type NormNeuronGradAttrs,
} from "./normNeuronKernels.js";

/**
 * Batch norm and a neuron layer on its output: `S = SN(BN(x))`.
 *
 * Where the backend has the kernels for it, the normalised currents are never in memory, and training saves x alone for
 * the way back. The values are the same. (In evaluation an observer sees the norm's output as well, so that it is made.)
 *
 * @param x `[T, N, ..., C]`
 * @returns spikes of the shape of `x`
 */
export function normNeuron(norm: BatchNorm, activation: Activation, x: Tensor, context: Context): Tensor {
  const { training, observe } = context;
  const { neuron } = activation;
  const watched = observe !== undefined && !training;
  if (neuron === undefined || watched || !canFuse(neuron) || !hasNormNeuron()) {
    return run(activation, run(norm, x, context), context);
  }
  norm.check(x, training);
  const spikes = fused(norm, neuron, x, training);
  observe?.(activation, spikes);
  return spikes;
}

function fused(norm: BatchNorm, neuron: Neuron, x: Tensor, training: boolean): Tensor {
  const attrs: NormNeuronAttrs = { epsilon: norm.epsilon, ownStatistics: training, neuron: fusedAttrs(neuron) };
  const { bias } = norm.parameters;
  const { runningMean, runningVar } = norm.buffers;
  const op = customGrad((...inputs) => {
    const [x, scale, offset, rate, save] = inputs as [Tensor, Tensor, Tensor, Tensor, GradSaveFunc];
    const [mean, variance] = training ? runKernel(BATCH_STATISTICS, { x }, {}) : [runningMean, runningVar];
    if (training) norm.update(mean!, variance!, x.size / bias.size);
    const given = { x, mean: mean!, variance: variance!, scale, offset, rate };
    const [spikes] = runKernel(NORM_NEURON, given, attrs);
    save([x, scale, offset, rate, mean!, variance!]);
    return {
      value: spikes!,
      gradFunc: (dSpikes: Tensor, saved: Tensor[]) => {
        const [x, scale, offset, rate, mean, variance] = saved as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
        const given = { x, mean, variance, scale, offset, rate, dSpikes };
        const gradAttrs: NormNeuronGradAttrs = { ...attrs, overwrite: isHandedOver(dSpikes) };
        return runKernel(NORM_NEURON_GRAD, given, gradAttrs);
      },
    };
  });
  return op(x, norm.scale(), bias, fusedRate(neuron));
}
