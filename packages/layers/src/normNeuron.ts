import { canFuse, fusedAttrs, fusedInputs, MULTI_STEP_NEURON, MULTI_STEP_NEURON_GRAD, type Neuron } from "@sew/neurons";
import { customGrad, type GradSaveFunc, keep, type Tensor, tidy, zerosLike } from "@tensorflow/tfjs-core";
import type { BatchNorm } from "./batchNorm.js";
import {
  BATCH_NORM_TRAINING,
  BATCH_NORM_TRAINING_GRAD,
  batchNormTraining,
  hasBatchNormTraining,
  runKernel,
} from "./batchNormTraining.js";
import { type Context, run } from "./module.js";
import type { Spiking } from "./spiking.js";

/**
 * Batch norm and a neuron layer on its output: `S = SN(BN(x))`.
 *
 * Where the backend has the kernels of both, training saves x alone for the way back and normalises it again there,
 * instead of keeping the normalised currents of the whole sequence. The values are the same.
 *
 * @param x `[T, N, ..., C]`
 * @returns spikes of the shape of `x`
 */
export function normNeuron(norm: BatchNorm, spiking: Spiking, x: Tensor, context: Context): Tensor {
  const { training } = context;
  if (!training || !canFuse(spiking.neuron) || !hasBatchNormTraining()) {
    return run(spiking, run(norm, x, context), context);
  }
  norm.check(x, training);
  const { spikes, mean, variance } = fused(norm, spiking.neuron, x);
  norm.update(mean, variance, x.size / norm.parameters.weight.size);
  mean.dispose();
  variance.dispose();
  context.observe?.(spiking, spikes);
  return spikes;
}

function fused(norm: BatchNorm, neuron: Neuron, x: Tensor): { spikes: Tensor; mean: Tensor; variance: Tensor } {
  const attrs = fusedAttrs(neuron);
  const { epsilon } = norm;
  const statistics: Tensor[] = [];
  const op = customGrad((...inputs) => {
    const [x, scale, offset, rate, save] = inputs as [Tensor, Tensor, Tensor, Tensor, GradSaveFunc];
    const [y, mean, variance] = runKernel(BATCH_NORM_TRAINING, { x, scale, offset }, { epsilon }) as Tensor3;
    const [spikes] = runKernel(MULTI_STEP_NEURON, { ...fusedInputs(neuron, y), rate }, attrs);
    statistics.push(keep(mean), keep(variance));
    save([x, scale, offset, rate, mean, variance]);
    return {
      value: spikes!,
      gradFunc: (dSpikes: Tensor, saved: Tensor[]) => gradient(neuron, epsilon, dSpikes, saved),
    };
  });
  const { weight, bias } = norm.parameters;
  const spikes = op(x, weight, bias, fusedInputs(neuron, x).rate);
  return { spikes, mean: statistics[0]!, variance: statistics[1]! };
}

type Tensor3 = [Tensor, Tensor, Tensor];

function gradient(neuron: Neuron, epsilon: number, dSpikes: Tensor, saved: Tensor[]): Tensor[] {
  return tidy(() => {
    const [x, scale, offset, rate, mean, variance] = saved as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
    const { y } = batchNormTraining(x, scale, offset, epsilon);
    const { v } = fusedInputs(neuron, y);
    const attrs = fusedAttrs(neuron);
    const [dy, dv, dRate] = runKernel(
      MULTI_STEP_NEURON_GRAD,
      { x: y, v, rate, dSpikes, dV: zerosLike(v) },
      attrs,
    ) as Tensor3;
    y.dispose();
    dv.dispose();
    const [dx, dScale, dOffset] = runKernel(
      BATCH_NORM_TRAINING_GRAD,
      { x, dy, scale, mean, variance },
      { epsilon },
    ) as Tensor3;
    return [dx, dScale, dOffset, dRate];
  });
}
