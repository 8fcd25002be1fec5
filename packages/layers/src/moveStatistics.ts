/** @file A batch norm's running statistics, moved by a batch; a backend may offer one kernel for it. */
import { runKernel } from "@sew/neurons";
import { add, getBackend, getKernel, mul, type Tensor } from "@tensorflow/tfjs-core";

/**
 * Inputs: `runningMean`, `runningVar`, `mean` and `variance`, `[C]`. Outputs: the new running mean and variance, bit for
 * bit those of the composed operations. The old ones are given up: a kernel may write over them.
 */
export const MOVE_STATISTICS = "MoveStatistics";

/** Attributes of {@link MOVE_STATISTICS}: `running ← (1 − momentum) · running + momentum · batch`. */
export interface MoveStatisticsAttrs {
  readonly momentum: number;
  /** What the batch's variance is multiplied with to be unbiased: `n / (n − 1)`. */
  readonly unbias: number;
}

/** The new running mean and variance, from the old ones and the batch's, of which the variance is the biased one. */
export function moveStatistics(
  inputs: Readonly<Record<"runningMean" | "runningVar" | "mean" | "variance", Tensor>>,
  attrs: MoveStatisticsAttrs,
): readonly [Tensor, Tensor] {
  if (getKernel(MOVE_STATISTICS, getBackend()) !== undefined) {
    return runKernel(MOVE_STATISTICS, inputs, attrs) as [Tensor, Tensor];
  }
  const { runningMean, runningVar, mean, variance } = inputs;
  const { momentum, unbias } = attrs;
  const move = (running: Tensor, batch: Tensor) => add(mul(running, 1 - momentum), mul(batch, momentum));
  return [move(runningMean, mean), move(runningVar, mul(variance, unbias))];
}
