/** @file What a sample shows of an image, and how an array of pixels is brought to it. */
import type { Random } from "@sew/random";
import { imageShape } from "./transform.js";

/** A rectangle of pixels, from row `top` and column `left` on. */
export interface Rectangle {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** What a sample shows of an image: `from` is cut out, resized to `height` x `width`, and `crop` is cut out of that. */
export interface View {
  /** The part of the image, in its pixels. */
  readonly from: Rectangle;
  /** Rows to which it is resized. */
  readonly height: number;
  /** Columns to which it is resized. */
  readonly width: number;
  /** The part of the resized picture that remains. */
  readonly crop: Rectangle;
}

/**
 * Chooses what a sample shows of an image of so many rows and columns; `crop` has the same size for all.
 *
 * @param random random numbers for this sample
 */
export type ChooseView = (rows: number, columns: number, random: Random) => View;

/**
 * The view of every picture of a sample, resized bilinearly with antialiasing: the weights are a triangle as wide as the
 * scale, as in Pillow and torchvision.
 *
 * @param x values `[T, H, W, C]`
 * @returns `[T, crop.height, crop.width, C]`
 */
export function showView(
  caller: string,
  x: Float32Array | Uint8Array,
  shape: readonly number[],
  { from, height, width, crop }: View,
): Float32Array<ArrayBuffer> {
  const [T, H, W, C] = imageShape(caller, shape);
  const down = tapsOf(from.top, from.height, height, crop.top, crop.height);
  const across = tapsOf(from.left, from.width, width, crop.left, crop.width);
  /** The rows of a picture that its view depends on, resized along their width. */
  const first = down.starts[0]!;
  const end = down.starts.at(-1)! + down.counts.at(-1)!;
  const row = crop.width * C;
  const rows = new Float32Array((end - first) * row);
  const out = new Float32Array(T * crop.height * row);
  for (let t = 0; t < T; t++) {
    let to = 0;
    for (let y = first; y < end; y++) {
      for (let i = 0; i < crop.width; i++) {
        const at = ((t * H + y) * W + across.starts[i]!) * C;
        const [weights, count] = [i * across.most, across.counts[i]!];
        for (let c = 0; c < C; c++) {
          let sum = 0;
          for (let k = 0; k < count; k++) sum += across.weights[weights + k]! * x[at + k * C + c]!;
          rows[to++] = sum;
        }
      }
    }
    for (let j = 0; j < crop.height; j++) {
      const to = (t * crop.height + j) * row;
      for (let k = 0; k < down.counts[j]!; k++) {
        const weight = down.weights[j * down.most + k]!;
        const at = (down.starts[j]! - first + k) * row;
        for (let i = 0; i < row; i++) out[to + i]! += weight * rows[at + i]!;
      }
    }
  }
  return out;
}

/** The input pixels of each output pixel along one axis. */
interface Taps {
  /** The first input pixel. */
  readonly starts: Int32Array;
  /** Number of input pixels, at most `most`. */
  readonly counts: Int32Array;
  readonly most: number;
  /** `[outputs, most]` */
  readonly weights: Float32Array;
}

/** For the output pixels `first .. first + outputs` of `length` pixels from `offset` on that are resized to `resized`. */
function tapsOf(offset: number, length: number, resized: number, first: number, outputs: number): Taps {
  const scale = length / resized;
  const support = Math.max(scale, 1);
  const most = 2 * Math.ceil(support) + 1;
  const [starts, counts] = [new Int32Array(outputs), new Int32Array(outputs)];
  const weights = new Float32Array(outputs * most);
  for (let i = 0; i < outputs; i++) {
    const centre = (first + i + 0.5) * scale;
    const start = Math.max(0, Math.floor(centre - support + 0.5));
    const end = Math.min(length, Math.floor(centre + support + 0.5));
    const own = weights.subarray(i * most, i * most + end - start);
    for (let k = 0; k < own.length; k++) own[k] = Math.max(0, 1 - Math.abs((start + k + 0.5 - centre) / support));
    const sum = own.reduce((a, b) => a + b);
    for (let k = 0; k < own.length; k++) own[k]! /= sum;
    starts[i] = offset + start;
    counts[i] = own.length;
  }
  return { starts, counts, most, weights };
}
