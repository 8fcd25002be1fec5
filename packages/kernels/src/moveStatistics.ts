import { add, mul, type Tensor } from "@tensorflow/tfjs-core";
import { type FusedKernel, type FusedOp, fusedOp } from "./fusedOp.js";

/** Attributes of {@link moveStatisticsKernel}. */
export interface MoveStatisticsAttrs {
  /** Weight of the batch in the new statistics, from 0 to 1. */
  readonly momentum: number;
  /** Factor that makes the batch's biased variance unbiased: `n / (n − 1)`. */
  readonly unbias: number;
}

/**
 * Running statistics: `running ← (1 − momentum) · running + momentum · batch`, with the unbiased variance.
 *
 * Inputs: `runningMean`, `runningVar`, `mean` and `variance`, `[C]`. Outputs: the new running mean and variance. The
 * caller gives the old ones up: a kernel may write over them.
 */
export const moveStatisticsKernel: FusedKernel<
  "runningMean" | "runningVar" | "mean" | "variance",
  MoveStatisticsAttrs
> = {
  name: "MoveStatistics",
  inputs: ["runningMean", "runningVar", "mean", "variance"],
  composed({ runningMean, runningVar, mean, variance }, { momentum, unbias }) {
    const move = (running: Tensor, batch: Tensor) => add(mul(running, 1 - momentum), mul(batch, momentum));
    return [move(runningMean, mean), move(runningVar, mul(variance, unbias))];
  },
};

/** The operation of {@link moveStatisticsKernel}. */
export const moveStatistics: FusedOp<typeof moveStatisticsKernel> = fusedOp(moveStatisticsKernel);
