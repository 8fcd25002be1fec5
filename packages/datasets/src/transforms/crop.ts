/** @file Cutting a rectangle out of every picture of a sample, at random or in the centre. */
import { checkInteger, defineTransform, imageShape, type Transform } from "./transform.js";

/** The rectangle of {@link centreCrop}. */
export interface CropOptions {
  /** Rows of the rectangle, at least 1. */
  readonly height: number;
  /** Columns of the rectangle, at least 1. */
  readonly width: number;
}

/** The rectangle of {@link randomCrop}. */
export interface RandomCropOptions extends CropOptions {
  /** Rows and columns of zeros that are put around the picture first, on each side. @defaultValue 0 */
  readonly padding?: number;
}

/**
 * Cuts a rectangle at a random place out of every sample: `[T, H, W, C]` becomes `[T, height, width, C]`.
 *
 * All places within the padded picture are equally likely. All time-steps of a sample are cut at the same place.
 *
 * @throws RangeError when an option is out of its range, or the rectangle is larger than the padded picture
 *
 * @example
 * randomCrop({ height: 32, width: 32, padding: 4 }).shapeOf?.([16, 34, 34, 2]); // [16, 32, 32, 2]
 */
export const randomCrop: (options: RandomCropOptions) => Transform = defineTransform(
  import.meta.url,
  "randomCrop",
  ({ height, width, padding = 0 }: RandomCropOptions) => {
    checkInteger("randomCrop", "padding", padding, 0);
    return {
      name: "randomCrop",
      shapeOf: cropShape("randomCrop", { height, width }, padding),
      apply(x, shape, random) {
        const [, H, W] = imageShape("randomCrop", shape);
        const top = random.int(H + 2 * padding - height + 1) - padding;
        const left = random.int(W + 2 * padding - width + 1) - padding;
        return cut(x, shape, { top, left, height, width });
      },
    };
  },
);

/**
 * Cuts a rectangle out of the centre of every sample: `[T, H, W, C]` becomes `[T, height, width, C]`.
 *
 * The rectangle starts at row `round((H - height) / 2)` and column `round((W - width) / 2)`, with halves rounded to even,
 * as in torchvision.
 *
 * @throws RangeError when an option is out of its range, or the rectangle is larger than the picture
 *
 * @example
 * centreCrop({ height: 96, width: 96 }).shapeOf?.([16, 128, 128, 2]); // [16, 96, 96, 2]
 */
export const centreCrop: (options: CropOptions) => Transform = defineTransform(
  import.meta.url,
  "centreCrop",
  ({ height, width }: CropOptions) => ({
    name: "centreCrop",
    shapeOf: cropShape("centreCrop", { height, width }, 0),
    apply(x, shape) {
      const [, H, W] = imageShape("centreCrop", shape);
      return cut(x, shape, { top: centreOffset(H, height), left: centreOffset(W, width), height, width });
    },
  }),
);

/** Where a part of `length` starts that lies in the middle of `whole`; halves are rounded to even. */
export function centreOffset(whole: number, length: number): number {
  const twice = whole - length;
  return (twice + (twice % 4 === 3 ? 1 : 0)) >> 1;
}

function cropShape(name: string, { height, width }: CropOptions, padding: number): NonNullable<Transform["shapeOf"]> {
  checkInteger(name, "height", height, 1);
  checkInteger(name, "width", width, 1);
  return (shape) => {
    const [T, H, W, C] = imageShape(name, shape);
    const [rows, columns] = [H + 2 * padding, W + 2 * padding];
    if (height > rows || width > columns) {
      throw new RangeError(
        `${name}: height and width must fit into ${rows} rows and ${columns} columns, got ${height} and ${width}`,
      );
    }
    return [T, height, width, C];
  };
}

/** The rectangle of every picture; zeros where it lies outside. */
function cut(
  x: Float32Array,
  shape: readonly number[],
  { top, left, height, width }: CropOptions & { readonly top: number; readonly left: number },
): Float32Array {
  const [T, H, W, C] = shape as [number, number, number, number];
  const out = new Float32Array(T * height * width * C);
  const [firstRow, endRow] = [Math.max(0, -top), Math.min(height, H - top)];
  const [firstColumn, endColumn] = [Math.max(0, -left), Math.min(width, W - left)];
  if (endColumn <= firstColumn) return out;
  for (let t = 0; t < T; t++) {
    for (let row = firstRow; row < endRow; row++) {
      const from = ((t * H + top + row) * W + left) * C;
      out.set(x.subarray(from + firstColumn * C, from + endColumn * C), ((t * height + row) * width + firstColumn) * C);
    }
  }
  return out;
}
