import { conv2d as convolve, type Tensor4D } from "@tensorflow/tfjs-core";
import { checkInteger } from "./check.js";
import { checkSequence, folded } from "./fold.js";
import type { Module } from "./module.js";
import { owned } from "./owned.js";
import { type Random, seeded, uniform } from "./random.js";

/** Options of {@link conv2d}. */
export interface Conv2dOptions {
  /** Height and width of the kernel. */
  readonly kernel?: number;
  readonly stride?: number;
  /** Zeros added on every side; half the kernel unless given, which keeps the size at stride 1. */
  readonly padding?: number;
  /** Source of the initial weights. */
  readonly random?: Random;
}

/**
 * 2-D convolution of every time-step, without a bias: `[T, N, H, W, inChannels] → [T, N, H', W', outChannels]` with
 * `H' = ⌊(H + 2·padding − kernel) / stride⌋ + 1`.
 *
 * Parameters: `weight` `[kernel, kernel, inChannels, outChannels]`, at the start uniform in ±1/√(kernel²·inChannels).
 *
 * @throws RangeError when a size is not a positive integer, and, when called, when x is no such sequence
 *
 * @example
 * const conv = conv2d(2, 8, { kernel: 3, stride: 2 });
 * conv.forward(zeros([4, 1, 16, 16, 2]), evaluation).shape; // [4, 1, 8, 8, 8]
 */
export function conv2d(inChannels: number, outChannels: number, options: Conv2dOptions = {}): Module {
  const { kernel = 3, stride = 1, padding = Math.floor(kernel / 2), random = seeded(0) } = options;
  for (const [name, value] of Object.entries({ inChannels, outChannels, kernel, stride })) {
    checkInteger("conv2d", name, value, 1);
  }
  checkInteger("conv2d", "padding", padding, 0);
  const bound = 1 / Math.sqrt(kernel * kernel * inChannels);
  const weight = owned(uniform([kernel, kernel, inChannels, outChannels], bound, random));
  return {
    parameters: { weight },
    forward(x) {
      checkSequence("conv2d", x, inChannels);
      return folded(x, (images) => convolve(images, weight as unknown as Tensor4D, stride, padding));
    },
  };
}
