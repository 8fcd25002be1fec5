/**
 * @file The kernel that a backend may offer for batch norm in training, and its gradient.
 *
 * A backend registers both under the names below; batchNorm and normNeuron use them when it has them. Its FusedBatchNorm,
 * given the same statistics, must then return the same y bit for bit: normNeuron computes y again with it.
 */
import { runKernel } from "@sew/neurons";
import {
  add,
  div,
  getBackend,
  getGradient,
  getKernel,
  mean as meanOf,
  mul,
  registerGradient,
  sqrt,
  square,
  sub,
  type Tensor,
} from "@tensorflow/tfjs-core";

/** Inputs: `x` [..., C], `scale` [C], `offset` [C]. Outputs: y [..., C], the batch's mean [C] and variance [C]. */
export const BATCH_NORM_TRAINING = "BatchNormTraining";
/** Inputs: `x`, `dy`, `scale`, `mean`, `variance`. Outputs: the gradients of `x`, `scale` and `offset`. */
export const BATCH_NORM_TRAINING_GRAD = "BatchNormTrainingGrad";

/** Attributes of both kernels. */
export interface BatchNormTrainingAttrs {
  /** Added to the variance before its root is taken. */
  readonly epsilon: number;
}

/** What {@link batchNormTraining} returns. */
export interface Normalised {
  readonly y: Tensor;
  /** Mean over all axes but the last, `[C]`. */
  readonly mean: Tensor;
  /** Variance over the same, divided by the count (biased), `[C]`. */
  readonly variance: Tensor;
}

/** Whether the current backend has the kernels. */
export function hasBatchNormTraining(): boolean {
  return (
    getKernel(BATCH_NORM_TRAINING, getBackend()) !== undefined &&
    getKernel(BATCH_NORM_TRAINING_GRAD, getBackend()) !== undefined
  );
}

/**
 * `y = (x − mean) / √(variance + ε) · scale + offset` with the mean and variance of this batch.
 *
 * Gradients flow through the mean and the variance into x; `mean` and `variance` themselves are for the running
 * statistics and carry none.
 *
 * @param x `[..., C]`
 * @param scale `[C]`
 * @param offset `[C]`
 *
 * @example
 * const { y, mean } = batchNormTraining(tensor2d([[1], [3]]), ones([1]), zeros([1]), 0);
 * y.arraySync(); // [[-1], [1]]
 * mean.arraySync(); // [2]
 */
export function batchNormTraining(x: Tensor, scale: Tensor, offset: Tensor, epsilon: number): Normalised {
  if (hasBatchNormTraining()) {
    if (getGradient(BATCH_NORM_TRAINING) === undefined) registerBatchNormTrainingGradient();
    const [y, mean, variance] = runKernel(BATCH_NORM_TRAINING, { x, scale, offset }, { epsilon });
    return { y: y!, mean: mean!, variance: variance! };
  }
  const axes = x.shape.slice(1).map((_, axis) => axis);
  const mean = meanOf(x, axes);
  const centred = sub(x, mean);
  const variance = meanOf(square(centred), axes);
  return { y: add(mul(div(centred, sqrt(add(variance, epsilon))), scale), offset), mean, variance };
}

function registerBatchNormTrainingGradient(): void {
  registerGradient({
    kernelName: BATCH_NORM_TRAINING,
    inputsToSave: ["x", "scale"],
    outputsToSave: [false, true, true],
    gradFunc: (dys, saved, attrs) => {
      const [dy] = dys as Tensor[];
      const [x, scale, mean, variance] = saved as [Tensor, Tensor, Tensor, Tensor];
      const [dx, dScale, dOffset] = runKernel(BATCH_NORM_TRAINING_GRAD, { x, dy: dy!, scale, mean, variance }, attrs);
      return { x: () => dx!, scale: () => dScale!, offset: () => dOffset! };
    },
  });
}
