/** @file The order of axes in PyTorch's weights, and ours. */
import type { TensorValues } from "./dtypes.js";

/** Options of {@link fromTorch} and {@link toTorch}. */
export interface TorchLayoutOptions {
  /**
   * Of a linear layer behind a flattened image: channels of that image. PyTorch flattens `[C, H, W]`, we flatten
   * `[H, W, C]`, so that the layer's inputs are in another order.
   * @defaultValue all inputs: the layer reads no image, or one of 1x1 pixels
   */
  readonly channels?: number;
}

/**
 * A weight in PyTorch's order of axes in ours: a convolution's `[out, in, kh, kw]` becomes `[kh, kw, in, out]`, a linear
 * layer's `[out, in]` becomes `[in, out]`; tensors of other ranks, such as biases and statistics, stay as they are.
 *
 * @throws RangeError when the inputs of a linear layer are no multiple of `channels`
 *
 * @example
 * const { shape, values } = fromTorch({ shape: [2, 1, 2, 2], values: Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7) });
 * shape; // [2, 2, 1, 2]
 * values; // Float32Array [0, 4, 1, 5, 2, 6, 3, 7]
 */
export function fromTorch({ shape, values }: TensorValues, { channels }: TorchLayoutOptions = {}): TensorValues {
  if (shape.length === 4) return { shape: pick(shape, HWIO), values: permuted(values, shape, HWIO) };
  if (shape.length !== 2) return { shape, values };
  const [out, inputs] = shape as [number, number];
  const image = imageOf("fromTorch", inputs, channels);
  return { shape: [inputs, out], values: permuted(values, [out, ...image], [2, 1, 0]) };
}

/**
 * The inverse of {@link fromTorch}: a weight of ours in PyTorch's order of axes.
 *
 * @throws RangeError when the inputs of a linear layer are no multiple of `channels`
 *
 * @example
 * const { shape, values } = toTorch({ shape: [3, 2], values: Float32Array.of(1, 2, 3, 4, 5, 6) });
 * shape; // [2, 3]
 * values; // Float32Array [1, 3, 5, 2, 4, 6]
 */
export function toTorch({ shape, values }: TensorValues, { channels }: TorchLayoutOptions = {}): TensorValues {
  if (shape.length === 4) return { shape: pick(shape, OIHW), values: permuted(values, shape, OIHW) };
  if (shape.length !== 2) return { shape, values };
  const [inputs, out] = shape as [number, number];
  const [c, pixels] = imageOf("toTorch", inputs, channels);
  return { shape: [out, inputs], values: permuted(values, [pixels, c, out], [2, 1, 0]) };
}

/** From `[out, in, kh, kw]` to `[kh, kw, in, out]`. */
const HWIO = [2, 3, 1, 0];
/** From `[kh, kw, in, out]` to `[out, in, kh, kw]`. */
const OIHW = [3, 2, 0, 1];

/** Channels and pixels of the image that a linear layer reads. */
function imageOf(caller: string, inputs: number, channels = inputs): [channels: number, pixels: number] {
  if (inputs % channels !== 0 && inputs > 0) {
    throw new RangeError(`${caller}: channels must divide the ${inputs} inputs of the layer, got ${channels}`);
  }
  return [channels, channels === 0 ? 0 : inputs / channels];
}

function pick(shape: readonly number[], order: readonly number[]): number[] {
  return order.map((axis) => shape[axis]!);
}

/** The values with their axes in another order. */
function permuted(
  values: TensorValues["values"],
  shape: readonly number[],
  order: readonly number[],
): TensorValues["values"] {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const to = pick(shape, order);
  const steps = pick(strides, order);
  const result = values.slice();
  const index = to.map(() => 0);
  let from = 0;
  for (let i = 0; i < result.length; i++) {
    result[i] = values[from]!;
    for (let axis = to.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < to[axis]!) break;
      from -= steps[axis]! * to[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}
