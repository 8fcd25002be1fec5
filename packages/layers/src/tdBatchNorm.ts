/**
 * @file Threshold-dependent batch norm (td-BN).
 *
 * H. Zheng et al., "Going Deeper With Directly-Trained Larger Spiking Neural Networks", AAAI 2021.
 */
import { type BatchNorm, type BatchNormOptions, batchNorm } from "./batchNorm.js";
import { checkInteger, checkNumber } from "./check.js";

/** Makes the batch norm of `channels` whose output is summed with that of `paths − 1` others before the neurons. */
export type NormFactory = (channels: number, paths?: number) => BatchNorm;

/** Options of {@link tdBatchNorm}. */
export interface TdBatchNormOptions extends Omit<BatchNormOptions, "gain"> {
  /** α, the standard deviation of the neurons' input in units of their threshold, above 0. @defaultValue 1 */
  readonly alpha?: number;
  /** V_th of the neurons that follow, above 0. @defaultValue 1 */
  readonly vThreshold?: number;
}

/**
 * Threshold-dependent batch norm: `y = weight · α · V_th · (x − mean) / √(variance + ε) + bias`, with statistics over
 * T·N·H·W. At the start the neurons' input has the standard deviation α·V_th, whatever the threshold.
 *
 * Shapes, parameters and buffers are those of {@link batchNorm}.
 *
 * @throws RangeError when α·V_th is not a finite number above 0
 *
 * @example
 * const norm = tdBatchNorm(1, { vThreshold: 0.5, epsilon: 0 });
 * norm.forward(tensor2d([[1], [3]]), { training: true }).arraySync(); // [[-0.5], [0.5]]
 */
export function tdBatchNorm(channels: number, options: TdBatchNormOptions = {}): BatchNorm {
  const { alpha = 1, vThreshold = 1, ...rest } = options;
  for (const [name, value] of Object.entries({ alpha, vThreshold })) {
    checkNumber("tdBatchNorm", name, value, "a finite number above 0", (number) => number > 0 && number < Infinity);
  }
  return batchNorm(channels, { ...rest, gain: alpha * vThreshold });
}

/**
 * Makes td-BN layers for blocks: α = 1 where one path feeds the neurons, 1/√2 where two are summed, so that the sum has
 * the standard deviation V_th again.
 *
 * @example
 * const norm = tdNorms({ vThreshold: 2 })(1, 4);
 * norm.scale().arraySync(); // [1]
 */
export function tdNorms(options: Omit<TdBatchNormOptions, "alpha"> = {}): NormFactory {
  return (channels, paths = 1) => {
    checkInteger("tdNorms", "paths", paths, 1);
    return tdBatchNorm(channels, { ...options, alpha: 1 / Math.sqrt(paths) });
  };
}
