import { maxPoolOfSequence } from "@sew/kernels";
import { avgPool, maxPool, mean, mul, pad, reshape, type Tensor, type Tensor4D, tensor4d } from "@tensorflow/tfjs-core";
import { checkInteger } from "./check.js";
import { checkSequence, foldTimeIntoBatch } from "./foldTimeIntoBatch.js";
import type { Module } from "./module.js";

/** Options of {@link maxPool2d} and {@link avgPool2d}. */
export interface PoolOptions {
  /** Pixels between two windows; 1 or more. @defaultValue the size of the window */
  readonly stride?: number;
  /** Pixels added on every side; 0 or more, and at most half the window. @defaultValue 0 */
  readonly padding?: number;
}

/** Options of {@link avgPool2d}. */
export interface AvgPoolOptions extends PoolOptions {
  /** Whether the padding counts as pixels of value 0 (PyTorch's `count_include_pad`). @defaultValue true */
  readonly countPadding?: boolean;
}

type Pool = (x: Tensor4D, size: number, stride: number, padding: number) => Tensor4D;

/** The same of a sequence, on the backends that have it. */
type SequencePool = (x: Tensor, size: number, stride: number, padding: number) => Tensor | undefined;

function pool(
  where: string,
  apply: Pool,
  size: number,
  { stride = size, padding = 0 }: PoolOptions,
  ofSequence: SequencePool = () => undefined,
): Module {
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
        throw new RangeError(
          `${where}: x must be at least ${size} x ${size} with its padding, got [${x.shape}] with a padding of ${padding}`,
        );
      }
      return (
        ofSequence(x, size, stride, padding) ?? foldTimeIntoBatch(x, (images) => apply(images, size, stride, padding))
      );
    },
  };
}

/**
 * The largest value of every size × size window, at every time-step: `[T, N, H, W, C] → [T, N, H', W', C]` with
 * `H' = ⌊(H + 2·padding − size) / stride⌋ + 1`. Padding is never chosen. Of equal values the first, row by row, gets
 * the gradient.
 *
 * @throws RangeError when a size is out of range, and, when called, when x is no such sequence or smaller than a window
 *
 * @example
 * maxPool2d(2).forward(zeros([4, 1, 17, 17, 3]), evaluation).shape; // [4, 1, 8, 8, 3]
 */
export function maxPool2d(size: number, options: PoolOptions = {}): Module {
  return pool("maxPool2d", maxPool, size, options, maxPoolOfSequence);
}

/**
 * The mean of every size × size window, at every time-step: shapes as in {@link maxPool2d}. Padding counts as pixels of
 * value 0; with `countPadding: false` it does not count, and the mean is that of the pixels in the window.
 *
 * @throws RangeError when a size is out of range, and, when called, when x is no such sequence or smaller than a window
 *
 * @example
 * const corner = (countPadding: boolean) =>
 *   avgPool2d(2, { padding: 1, countPadding }).forward(ones([1, 1, 1, 1, 1]), evaluation).arraySync();
 * corner(true); // [[[[[0.25]]]]]
 * corner(false); // [[[[[1]]]]]
 */
export function avgPool2d(size: number, options: AvgPoolOptions = {}): Module {
  const { countPadding = true } = options;
  // The pools of TensorFlow.js do not count padding, and their gradients at padded borders are wrong on cpu (4.22).
  const apply: Pool = (x, _, stride, padding) => {
    if (padding === 0) return avgPool(x, size, stride, 0);
    const border: [number, number] = [padding, padding];
    const counted = avgPool(pad(x, [[0, 0], border, border, [0, 0]]) as Tensor4D, size, stride, 0);
    if (countPadding) return counted;
    const [, height, width] = x.shape;
    const [rows, columns] = [height, width].map((n) => pixelsInWindows(n, size, stride, padding)) as [
      number[],
      number[],
    ];
    const factors = rows.flatMap((r) => columns.map((c) => size ** 2 / (r * c)));
    return mul(counted, tensor4d(factors, [1, rows.length, columns.length, 1]));
  };
  return pool("avgPool2d", apply, size, options);
}

/** How many of n pixels in a row each window holds. */
function pixelsInWindows(n: number, size: number, stride: number, padding: number): number[] {
  const windows = Math.floor((n + 2 * padding - size) / stride) + 1;
  return Array.from({ length: windows }, (_, i) => {
    const first = i * stride - padding;
    return Math.min(first + size, n) - Math.max(first, 0);
  });
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
