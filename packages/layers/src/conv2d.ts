import { add, conv2d as convolve, type Tensor4D, zeros } from "@tensorflow/tfjs-core";
import { checkInteger } from "./check.js";
import { checkSequence, folded } from "./fold.js";
import { fanInUniform, type Initializer } from "./initializers.js";
import type { Module } from "./module.js";
import { owned } from "./owned.js";
import { type Random, seeded } from "./random.js";

/** Options of {@link conv2d}. */
export interface Conv2dOptions {
  /** Height and width of the kernel. */
  readonly kernel?: number;
  readonly stride?: number;
  /** Zeros added on every side; half the kernel unless given, which keeps the size at stride 1. */
  readonly padding?: number;
  /** Whether to add a bias; a batch norm after the convolution makes it superfluous. */
  readonly bias?: boolean;
  /** Source of the initial weights. */
  readonly random?: Random;
  /** Draws the initial weights; {@link fanInUniform} unless given. */
  readonly init?: Initializer;
}

/**
 * 2-D convolution of every time-step: `[T, N, H, W, inChannels] → [T, N, H', W', outChannels]` with
 * `H' = ⌊(H + 2·padding − kernel) / stride⌋ + 1`.
 *
 * Parameters: `weight` `[kernel, kernel, inChannels, outChannels]`, and `bias` `[outChannels]` (0 at the start) if asked
 * for.
 *
 * @throws RangeError when a size is not a positive integer, and, when called, when x is no such sequence
 *
 * @example
 * const conv = conv2d(2, 8, { kernel: 3, stride: 2 });
 * conv.forward(zeros([4, 1, 16, 16, 2]), evaluation).shape; // [4, 1, 8, 8, 8]
 */
export function conv2d(inChannels: number, outChannels: number, options: Conv2dOptions = {}): Module {
  const { kernel = 3, stride = 1, padding = Math.floor(kernel / 2) } = options;
  const { bias: withBias = false, random = seeded(0), init = fanInUniform } = options;
  for (const [name, value] of Object.entries({ inChannels, outChannels, kernel, stride })) {
    checkInteger("conv2d", name, value, 1);
  }
  checkInteger("conv2d", "padding", padding, 0);
  const weight = owned(init([kernel, kernel, inChannels, outChannels], random));
  const bias = withBias ? owned(zeros([outChannels])) : undefined;
  return {
    parameters: bias === undefined ? { weight } : { weight, bias },
    forward(x) {
      checkSequence("conv2d", x, inChannels);
      const y = folded(x, (images) => convolve(images, weight as unknown as Tensor4D, stride, padding));
      return bias === undefined ? y : add(y, bias);
    },
  };
}
