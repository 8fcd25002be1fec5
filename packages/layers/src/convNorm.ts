import type { Activation } from "./activation.js";
import { type BatchNorm, batchNorm } from "./batchNorm.js";
import { checkInteger } from "./check.js";
import { type Conv2d, type Conv2dOptions, conv2d } from "./conv2d.js";
import { recomputed } from "./memory/recompute.js";
import { type Module, run } from "./module.js";
import type { NormFactory } from "./tdBatchNorm.js";

/** Options of {@link convNorm}. */
export interface ConvNormOptions extends Omit<Conv2dOptions, "bias"> {
  /** Makes the norm. @defaultValue {@link batchNorm} */
  readonly norm?: NormFactory;
  /** How many outputs like this one are summed before the next neurons; td-BN scales by it. @defaultValue 1 */
  readonly paths?: number;
  /** Whether to save the input alone for the backward pass; see {@link recomputed}. @defaultValue false */
  readonly recompute?: boolean;
}

/** A convolution and its norm. */
export interface ConvNorm extends Module {
  readonly children: { readonly conv: Conv2d; readonly norm: BatchNorm };
}

/** A convolution, its norm, and the activations that receive its output. */
export interface ConvNormNeuron<A extends Activation = Activation> extends Module {
  readonly children: { readonly conv: Conv2d; readonly norm: BatchNorm; readonly neuron: A };
}

/**
 * `y = BN(Conv(x))`, written `c⟨outChannels⟩k⟨kernel⟩s⟨stride⟩-BN`: `[T, N, H, W, inChannels] → [T, N, H', W', outChannels]`.
 *
 * Children: `conv` and `norm`.
 *
 * @example
 * const shortcut = convNorm(2, 4, { kernel: 1, stride: 2 });
 * shortcut.forward(zeros([3, 1, 8, 8, 2]), evaluation).shape; // [3, 1, 4, 4, 4]
 */
export function convNorm(inChannels: number, outChannels: number, options: ConvNormOptions = {}): ConvNorm {
  const { norm: makeNorm = (channels) => batchNorm(channels), paths = 1, recompute = false, ...rest } = options;
  checkInteger("convNorm", "paths", paths, 1);
  const conv = conv2d(inChannels, outChannels, { ...rest, bias: false });
  const norm = makeNorm(outChannels, paths);
  const unit: ConvNorm = {
    children: { conv, norm },
    forward: (x, context) => run(norm, run(conv, x, context), context),
  };
  return recompute ? recomputed(unit) : unit;
}
