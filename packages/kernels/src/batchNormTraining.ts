import { add, div, mean as meanOf, mul, sqrt, square, sub } from "@tensorflow/tfjs-core";
import { detach } from "./detach.js";
import { type FusedKernel, type FusedOp, fusedOp } from "./fusedOp.js";

/** Attributes of {@link batchNormTrainingKernel}. */
export interface BatchNormTrainingAttrs {
  /** ε: added to the variance before its root is taken. */
  readonly epsilon: number;
}

/**
 * Batch norm with the statistics of the batch: `y = (x − mean) / √(variance + ε) · scale + offset`.
 *
 * Inputs: `x` `[..., C]`, `scale` and `offset` `[C]`. Outputs: y `[..., C]`, and the batch's mean and biased variance `[C]`
 * over all axes but the last, through which no gradient passes. A backend's FusedBatchNorm, with the same statistics,
 * must return the same y bit for bit: NormNeuron computes y again with it.
 */
export const batchNormTrainingKernel: FusedKernel<"x" | "scale" | "offset", BatchNormTrainingAttrs> = {
  name: "BatchNormTraining",
  inputs: ["x", "scale", "offset"],
  composed({ x, scale, offset }, { epsilon }) {
    const axes = x.shape.slice(1).map((_, axis) => axis);
    const mean = meanOf(x, axes);
    const centred = sub(x, mean);
    const variance = meanOf(square(centred), axes);
    const y = add(mul(div(centred, sqrt(add(variance, epsilon))), scale), offset);
    return [y, detach(mean), detach(variance)];
  },
  gradient: {
    name: "BatchNormTrainingGrad",
    savedInputs: ["x", "scale"],
    savedOutputs: [null, "mean", "variance"],
    outputGradients: ["dy", null, null],
    of: ["x", "scale", "offset"],
  },
};

/**
 * The operation of {@link batchNormTrainingKernel}.
 *
 * @example
 * const [y, mean] = batchNormTraining({ x: tensor2d([[1], [3]]), scale: ones([1]), offset: zeros([1]) }, { epsilon: 0 });
 * y.arraySync(); // [[-1], [1]]
 * mean.arraySync(); // [2]
 */
export const batchNormTraining: FusedOp<typeof batchNormTrainingKernel> = fusedOp(batchNormTrainingKernel);
