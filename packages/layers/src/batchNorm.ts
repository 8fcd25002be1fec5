import { batchNormTraining, floats, moveStatistics } from "@sew/kernels";
import {
  mul,
  batchNorm as normalise,
  ones,
  reshape,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
  tidy,
  type Variable,
  zeros,
} from "@tensorflow/tfjs-core";
import { checkInteger, checkNumber } from "./check.js";
import type { Module } from "./module.js";
import { variableFrom } from "./variableFrom.js";

/** Options of {@link batchNorm}. */
export interface BatchNormOptions {
  /** A constant factor of the weight; see {@link tdBatchNorm}. @defaultValue 1 */
  readonly gain?: number;
  /** ε: added to the variance before its root is taken; 0 or more. @defaultValue 1e-5 */
  readonly epsilon?: number;
  /** Weight of the newest batch in the running statistics, from 0 to 1. @defaultValue 0.1 */
  readonly momentum?: number;
}

/** A batch norm, and what a fused unit needs to take its place. */
export interface BatchNorm extends Module {
  readonly parameters: { readonly weight: Variable; readonly bias: Variable };
  readonly buffers: { readonly runningMean: Variable; readonly runningVar: Variable };
  readonly epsilon: number;
  /** The factor of the normalised x, `gain · weight`, `[C]`. */
  scale(): Tensor;
  /** Throws unless the last axis of `x` has the norm's channels, and it has 2 values of each in training. */
  check(x: Tensor, training: boolean): void;
  /** Moves the running statistics towards those of a batch of `count` values per channel. */
  update(mean: Tensor, variance: Tensor, count: number): void;
}

/**
 * Batch norm over all axes but the last, with PyTorch's semantics: `y = gain · weight · (x − mean) / √(variance + ε) + bias`.
 *
 * In training, mean and variance are the batch's, over T·N·H·W (time is part of the batch), and the running statistics
 * become `(1 − momentum) · running + momentum · batch`, with the unbiased variance. In evaluation the running ones are used.
 *
 * `[..., C] → [..., C]`. Parameters: `weight` (1 at the start) and `bias` (0), `[C]`. Buffers: `runningMean` (0) and
 * `runningVar` (1), `[C]`.
 *
 * @throws RangeError when channels is not a positive integer or an option is out of its range, and, when called, when x has
 * other channels or, in training, fewer than 2 values per channel
 *
 * @example
 * const norm = batchNorm(1);
 * norm.forward(tensor2d([[1], [3]]), { training: true });
 * norm.buffers.runningMean.arraySync(); // [0.2]
 */
export function batchNorm(channels: number, options: BatchNormOptions = {}): BatchNorm {
  const { gain = 1, epsilon = 1e-5, momentum = 0.1 } = options;
  checkInteger("batchNorm", "channels", channels, 1);
  checkNumber("batchNorm", "momentum", momentum, "from 0 to 1", (value) => value >= 0 && value <= 1);
  checkNumber(
    "batchNorm",
    "epsilon",
    epsilon,
    "a finite number of at least 0",
    (value) => value >= 0 && value < Infinity,
  );
  checkNumber("batchNorm", "gain", gain, "a finite number", Number.isFinite);
  const weight = variableFrom(ones([channels]));
  const bias = variableFrom(zeros([channels]));
  const runningMean = variableFrom(zeros([channels]), false);
  const runningVar = variableFrom(ones([channels]), false);
  const norm: BatchNorm = {
    parameters: { weight, bias },
    buffers: { runningMean, runningVar },
    epsilon,
    scale: () => (gain === 1 ? weight : mul(weight, gain)),
    check(x, training) {
      if (x.rank < 2 || x.shape.at(-1) !== channels) {
        throw new RangeError(`batchNorm: x must have ${channels} channels on its last axis, got [${x.shape}]`);
      }
      if (training && x.size < 2 * channels) {
        throw new RangeError(`batchNorm: x must have at least 2 values per channel in training, got [${x.shape}]`);
      }
    },
    update(mean, variance, count) {
      tidy(() => {
        const statistics = { runningMean, runningVar, mean, variance };
        const [movedMean, movedVar] = moveStatistics(statistics, { momentum, unbias: count / (count - 1) });
        runningMean.assign(movedMean!);
        runningVar.assign(movedVar!);
      });
    },
    forward(x, { training }) {
      norm.check(x, training);
      if (training) {
        const [y, mean, variance] = batchNormTraining({ x, scale: norm.scale(), offset: bias }, { epsilon });
        norm.update(mean!, variance!, x.size / channels);
        return y!;
      }
      return normalised(x, [runningMean, runningVar, bias, norm.scale()], epsilon);
    },
  };
  return norm;
}

/** `scale · (x − mean) / √(variance + ε) + offset` of x `[..., C]`, with the statistics, offset and scale `[C]`. */
export function normalised(
  x: Tensor,
  perChannel: readonly [mean: Tensor, variance: Tensor, offset: Tensor, scale: Tensor],
  epsilon: number,
): Tensor {
  const channels = x.shape.at(-1)!;
  const rows = reshape(floats(x), [x.size / channels, 1, 1, channels]) as Tensor4D;
  const [mean, variance, offset, scale] = perChannel as readonly Tensor[] as Tensor1D[];
  return reshape(normalise(rows, mean!, variance!, offset, scale, epsilon), x.shape);
}
