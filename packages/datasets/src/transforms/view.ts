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
export function showView(caller: string, x: Float32Array, shape: readonly number[], view: View): Float32Array {
  const [T, H, W, C] = imageShape(caller, shape);
  const { from, crop } = view;
  const rows = weightsOf(from.top, from.height, view.height, crop.top, crop.height);
  const columns = weightsOf(from.left, from.width, view.width, crop.left, crop.width);
  /** Rows of the picture that the view depends on, resized along their width. */
  const [first, end] = [rows[0]!.start, rows.at(-1)!.start + rows.at(-1)!.weights.length];
  const narrow = new Float32Array((end - first) * crop.width * C);
  const out = new Float32Array(T * crop.height * crop.width * C);
  for (let t = 0; t < T; t++) {
    narrow.fill(0);
    for (let row = first; row < end; row++) {
      const at = (t * H + row) * W * C;
      for (let column = 0; column < crop.width; column++) {
        const { start, weights } = columns[column]!;
        const to = ((row - first) * crop.width + column) * C;
        for (let k = 0; k < weights.length; k++) {
          for (let c = 0; c < C; c++) narrow[to + c]! += weights[k]! * x[at + (start + k) * C + c]!;
        }
      }
    }
    const width = crop.width * C;
    for (let row = 0; row < crop.height; row++) {
      const { start, weights } = rows[row]!;
      const to = (t * crop.height + row) * width;
      for (let k = 0; k < weights.length; k++) {
        const at = (start - first + k) * width;
        for (let i = 0; i < width; i++) out[to + i]! += weights[k]! * narrow[at + i]!;
      }
    }
  }
  return out;
}

/** The input pixels of an output pixel along one axis, from `start` on. */
interface Weights {
  readonly start: number;
  readonly weights: Float32Array;
}

/** Of the output pixels `first .. first + count` of `length` pixels from `offset` on, resized to `resized`. */
function weightsOf(offset: number, length: number, resized: number, first: number, count: number): Weights[] {
  const scale = length / resized;
  const support = Math.max(scale, 1);
  return Array.from({ length: count }, (_, i) => {
    const centre = (first + i + 0.5) * scale;
    const start = Math.max(0, Math.floor(centre - support + 0.5));
    const end = Math.min(length, Math.floor(centre + support + 0.5));
    const weights = Float32Array.from({ length: end - start }, (_, k) =>
      Math.max(0, 1 - Math.abs((start + k + 0.5 - centre) / support)),
    );
    const sum = weights.reduce((a, b) => a + b);
    return { start: offset + start, weights: weights.map((weight) => weight / sum) };
  });
}
