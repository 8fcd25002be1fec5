import {
  canFuse,
  fusedAttrs,
  fusedInputs,
  MULTI_STEP_NEURON,
  MULTI_STEP_NEURON_GRAD,
  type Neuron,
  runKernel,
} from "@sew/neurons";
import {
  customGrad,
  engine,
  FusedBatchNorm,
  type GradSaveFunc,
  type Tensor,
  tidy,
  zerosLike,
} from "@tensorflow/tfjs-core";
import type { Activation } from "./activation.js";
import type { BatchNorm } from "./batchNorm.js";
import { BATCH_NORM_TRAINING, BATCH_NORM_TRAINING_GRAD, hasBatchNormTraining } from "./batchNormTraining.js";
import { type Context, run } from "./module.js";

/**
 * Batch norm and a neuron layer on its output: `S = SN(BN(x))`.
 *
 * Where the backend has the kernels of both, training saves x alone for the way back and normalises it again there,
 * instead of keeping the normalised currents of the whole sequence. The values are the same.
 *
 * @param x `[T, N, ..., C]`
 * @returns spikes of the shape of `x`
 */
export function normNeuron(norm: BatchNorm, activation: Activation, x: Tensor, context: Context): Tensor {
  const { training } = context;
  const { neuron } = activation;
  if (!training || neuron === undefined || !canFuse(neuron) || !hasBatchNormTraining()) {
    return run(activation, run(norm, x, context), context);
  }
  norm.check(x, training);
  const spikes = fused(norm, neuron, x);
  context.observe?.(activation, spikes);
  return spikes;
}

function fused(norm: BatchNorm, neuron: Neuron, x: Tensor): Tensor {
  const attrs = fusedAttrs(neuron);
  const { epsilon } = norm;
  const { bias } = norm.parameters;
  const op = customGrad((...inputs) => {
    const [x, scale, offset, rate, save] = inputs as [Tensor, Tensor, Tensor, Tensor, GradSaveFunc];
    const [y, mean, variance] = runKernel(BATCH_NORM_TRAINING, { x, scale, offset }, { epsilon }) as Tensor3;
    norm.update(mean, variance, x.size / bias.size);
    const [spikes] = runKernel(MULTI_STEP_NEURON, { ...fusedInputs(neuron, y), rate }, attrs);
    save([x, scale, offset, rate, mean, variance]);
    return {
      value: spikes!,
      gradFunc: (dSpikes: Tensor, saved: Tensor[]) => gradient(neuron, epsilon, dSpikes, saved),
    };
  });
  return op(x, norm.scale(), bias, fusedInputs(neuron, x).rate);
}

type Tensor3 = [Tensor, Tensor, Tensor];

function gradient(neuron: Neuron, epsilon: number, dSpikes: Tensor, saved: Tensor[]): Tensor[] {
  return tidy(() => {
    const [x, scale, offset, rate, mean, variance] = saved as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
    // The statistics are known: the kernel of evaluation normalises with them in one pass, by the same formula.
    const inputs = { x, mean, variance, scale, offset };
    const y = engine().runKernel(FusedBatchNorm, inputs, { varianceEpsilon: epsilon }) as Tensor;
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
