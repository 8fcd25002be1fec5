import { avgPool, maxPool, mean, reshape, type Tensor4D } from "@tensorflow/tfjs-core";
import { checkInteger } from "./check.js";
import { checkSequence, foldTimeIntoBatch } from "./foldTimeIntoBatch.js";
import type { Module } from "./module.js";

/** Options of {@link maxPool2d} and {@link avgPool2d}. */
export interface PoolOptions {
  /** Pixels between two windows; 1 or more. @defaultValue the size of the window */
  readonly stride?: number;
  /** Rows and columns added on every side; at most half the window. They are no pixels: see the functions. @defaultValue 0 */
  readonly padding?: number;
}

type Pool = (x: Tensor4D, size: number, stride: number, padding: number) => Tensor4D;

function pool(where: string, apply: Pool, size: number, { stride = size, padding = 0 }: PoolOptions): Module {
  checkInteger(where, "size", size, 1);
  checkInteger(where, "stride", stride, 1);
  checkInteger(where, "padding", padding, 0);
  if (padding > size / 2) {
    throw new RangeError(`${where}: padding must be at most half the window of ${size}, got ${padding}`);
  }
  return {
    forward(x) {
      checkSequence(where, x);
      if (Math.min(x.shape[2]!, x.shape[3]!) + 2 * padding < size) {
        throw new RangeError(`${where}: x must be at least ${size} x ${size} with its padding, got [${x.shape}]`);
      }
      return foldTimeIntoBatch(x, (images) => apply(images, size, stride, padding));
    },
  };
}

/**
 * The largest value of every size × size window, at every time-step: `[T, N, H, W, C] → [T, N, H', W', C]` with
 * `H' = ⌊(H + 2·padding − size) / stride⌋ + 1`. Padding is never chosen. Of equal values the first, row by row, gets
 * the gradient.
 *
 * @throws RangeError when a size is out of range, and, when called, when x is no such sequence
 *
 * @example
 * maxPool2d(2).forward(zeros([4, 1, 17, 17, 3]), evaluation).shape; // [4, 1, 8, 8, 3]
 */
export function maxPool2d(size: number, options: PoolOptions = {}): Module {
  return pool("maxPool2d", maxPool, size, options);
}

/**
 * The mean of every size × size window, at every time-step: shapes as in {@link maxPool2d}. Padding is not counted: the
 * mean is that of the pixels in the window (PyTorch's `count_include_pad=False`).
 *
 * @throws RangeError when a size is out of range, and, when called, when x is no such sequence
 *
 * @example
 * avgPool2d(2).forward(ones([1, 1, 2, 2, 1]), evaluation).arraySync(); // [[[[[1]]]]]
 */
export function avgPool2d(size: number, options: PoolOptions = {}): Module {
  return pool("avgPool2d", avgPool, size, options);
}

/**
 * The mean over all rows and columns, at every time-step: `[T, N, H, W, C] → [T, N, C]`.
 *
 * @example
 * globalAvgPool2d().forward(ones([4, 2, 7, 7, 3]), evaluation).shape; // [4, 2, 3]
 */
export function globalAvgPool2d(): Module {
  return {
    forward(x) {
      checkSequence("globalAvgPool2d", x);
      return mean(x, [2, 3]);
    },
  };
}

/**
 * Voting: the mean of every `size` neighbouring features, `[T, N, C] → [T, N, C / size]`; written `APk⟨size⟩s⟨size⟩` after a
 * linear layer. Each class is then decided by `size` neurons together.
 *
 * @throws RangeError when size is not a positive integer, and, when called, when it does not divide the features of x
 *
 * @example
 * voting(2).forward(tensor3d([[[1, 0, 1, 1]]]), evaluation).arraySync(); // [[[0.5, 1]]]
 */
export function voting(size: number): Module {
  checkInteger("voting", "size", size, 1);
  return {
    forward(x) {
      const [steps, batch, features] = x.shape as [number, number, number];
      if (x.rank !== 3 || features % size !== 0) {
        throw new RangeError(`voting: x must be [T, N, C] with C a multiple of ${size}, got [${x.shape}]`);
      }
      return mean(reshape(x, [steps, batch, features / size, size]), 3);
    },
  };
}
