import { avgPool, maxPool, type Tensor4D } from "@tensorflow/tfjs-core";
import { checkInteger } from "./check.js";
import { checkSequence, folded } from "./fold.js";
import type { Module } from "./module.js";

/** Options of {@link maxPool2d} and {@link avgPool2d}. */
export interface PoolOptions {
  /** Distance between windows; the window's size unless given. */
  readonly stride?: number;
  /** Rows and columns added on every side, never chosen as a maximum. */
  readonly padding?: number;
}

type Pool = (x: Tensor4D, size: number, stride: number, padding: number) => Tensor4D;

function pool(where: string, apply: Pool, size: number, { stride = size, padding = 0 }: PoolOptions): Module {
  checkInteger(where, "size", size, 1);
  checkInteger(where, "stride", stride, 1);
  checkInteger(where, "padding", padding, 0);
  return {
    forward(x) {
      checkSequence(where, x);
      return folded(x, (images) => apply(images, size, stride, padding));
    },
  };
}

/**
 * The largest value of every size × size window, at every time-step: `[T, N, H, W, C] → [T, N, H', W', C]` with
 * `H' = ⌊(H + 2·padding − size) / stride⌋ + 1`. Of equal values the first, row by row, gets the gradient.
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
 * The mean of every size × size window, at every time-step: shapes as in {@link maxPool2d}.
 *
 * @throws RangeError when a size is out of range, and, when called, when x is no such sequence
 *
 * @example
 * avgPool2d(2).forward(ones([1, 1, 2, 2, 1]), evaluation).arraySync(); // [[[[[1]]]]]
 */
export function avgPool2d(size: number, options: PoolOptions = {}): Module {
  return pool("avgPool2d", avgPool, size, options);
}
