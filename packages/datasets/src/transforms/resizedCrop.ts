/** @file Resizing and cropping images in one go: at random for training, in the centre for evaluation. */
import { type CropOptions, centreOffset } from "./crop.js";
import { checkInteger, defineTransform, imageShape, type Transform } from "./transform.js";
import { type ChooseView, type Rectangle, showView } from "./view.js";

/** The size of {@link resizedCentreCrop}. */
export interface ResizedCentreCropOptions extends CropOptions {
  /**
   * Length in pixels to which the shorter side is resized before the crop, such as 256 for a crop of 224.
   *
   * @defaultValue the smallest that covers the crop
   */
  readonly resize?: number;
}

/** The rectangles of {@link randomResizedCrop}. */
export interface RandomResizedCropOptions extends CropOptions {
  /** Least and greatest part of the image's area, in (0, 1]. @defaultValue `[0.08, 1]` */
  readonly area?: readonly [min: number, max: number];
  /** Least and greatest width divided by height, above 0. @defaultValue `[3 / 4, 4 / 3]` */
  readonly ratio?: readonly [min: number, max: number];
}

/** Draws before {@link randomResizedCrop} takes the centre. */
const ATTEMPTS = 10;

/**
 * Resizes the shorter side to `resize`, bilinearly with antialiasing, and cuts `height` x `width` out of the centre:
 * `[T, H, W, C]` becomes `[T, height, width, C]`.
 *
 * As torchvision's `Resize(resize)` and `CenterCrop`: the longer side becomes `floor(resize * longer / shorter)`, and the
 * crop starts at `round((side - length) / 2)`, halves rounded to even. As the first transform of a loader it tells a source
 * of image files what to decode.
 *
 * @throws RangeError when an option is out of its range, or `resize` does not cover the crop
 *
 * @example
 * resizedCentreCrop({ height: 224, width: 224, resize: 256 }).view?.(375, 500, random(0)).width; // 341
 */
export const resizedCentreCrop: (options: ResizedCentreCropOptions) => Transform = defineTransform(
  import.meta.url,
  "resizedCentreCrop",
  (options: ResizedCentreCropOptions) =>
    viewTransform("resizedCentreCrop", options, centreView("resizedCentreCrop", options)),
);

/** What {@link resizedCentreCrop} shows; `caller` opens messages. */
export function centreView(caller: string, { height, width, resize }: ResizedCentreCropOptions): ChooseView {
  for (const [name, value] of Object.entries({ height, width, ...(resize !== undefined && { resize }) })) {
    checkInteger(caller, name, value, 1);
  }
  if (resize !== undefined && resize < Math.max(height, width)) {
    throw new RangeError(`${caller}: resize must cover the crop of ${height} x ${width}, got ${resize}`);
  }
  return (rows, columns) => {
    // One side, `of` pixels, is resized to `to`; a quotient of integers leaves no rounding error before the floor.
    const [to, of] =
      resize !== undefined
        ? [resize, Math.min(rows, columns)]
        : height * columns >= width * rows
          ? [height, rows]
          : [width, columns];
    const [tall, wide] = [Math.floor((rows * to) / of), Math.floor((columns * to) / of)];
    return {
      from: { top: 0, left: 0, height: rows, width: columns },
      height: tall,
      width: wide,
      crop: { top: centreOffset(tall, height), left: centreOffset(wide, width), height, width },
    };
  };
}

/**
 * Cuts a random rectangle out of every sample and resizes it, bilinearly with antialiasing: `[T, H, W, C]` becomes
 * `[T, height, width, C]`.
 *
 * The area is a uniform part of the image's, the ratio of width to height log-uniform, the place uniform; the first of up to
 * 10 draws that fits, else the largest central rectangle whose ratio is in the range. As torchvision's `RandomResizedCrop`,
 * with other random numbers. All time-steps of a sample show the same rectangle. As the first transform of a loader it
 * tells a source of image files what to decode.
 *
 * @throws RangeError when an option is out of its range
 * @see Szegedy et al., "Going Deeper with Convolutions", 2015, section 6
 *
 * @example
 * const { from } = randomResizedCrop({ height: 224, width: 224, area: [1, 1], ratio: [1, 1] }).view?.(300, 300, random(0)) ?? {};
 * from; // { top: 0, left: 0, height: 300, width: 300 }
 */
export const randomResizedCrop: (options: RandomResizedCropOptions) => Transform = defineTransform(
  import.meta.url,
  "randomResizedCrop",
  ({ area = [0.08, 1], ratio = [3 / 4, 4 / 3], ...size }: RandomResizedCropOptions) => {
    for (const [name, value] of Object.entries(size)) checkInteger("randomResizedCrop", name, value, 1);
    for (const [name, [min, max], most] of [
      ["area", area, 1],
      ["ratio", ratio, Number.MAX_VALUE],
    ] as const) {
      if (!(min > 0 && min <= max && max <= most)) {
        const range = most === 1 ? "0 < min <= max <= 1" : "0 < min <= max";
        throw new RangeError(`randomResizedCrop: ${name} must be [min, max] with ${range}, got [${min}, ${max}]`);
      }
    }
    return viewTransform("randomResizedCrop", size, (rows, columns, random) => {
      const whole = (from: Rectangle) => ({ from, ...size, crop: { top: 0, left: 0, ...size } });
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const pixels = rows * columns * random.uniform(...area);
        const shape = Math.exp(random.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
        const [height, width] = [Math.round(Math.sqrt(pixels / shape)), Math.round(Math.sqrt(pixels * shape))];
        if (height >= 1 && height <= rows && width >= 1 && width <= columns) {
          return whole({ top: random.int(rows - height + 1), left: random.int(columns - width + 1), height, width });
        }
      }
      const nearest = Math.min(Math.max(columns / rows, ratio[0]), ratio[1]);
      const height = Math.max(1, Math.min(rows, Math.round(columns / nearest)));
      const width = Math.max(1, Math.min(columns, Math.round(rows * nearest)));
      return whole({ top: (rows - height) >> 1, left: (columns - width) >> 1, height, width });
    });
  },
);

/** A transform that shows a view of every picture, whose size is `height` x `width`. */
function viewTransform(name: string, { height, width }: CropOptions, view: ChooseView): Transform {
  return {
    name,
    shapeOf(shape) {
      const [T, , , C] = imageShape(name, shape);
      return [T, height, width, C];
    },
    view,
    apply(x, shape, random) {
      const [, H, W] = imageShape(name, shape);
      return showView(name, x, shape, view(H, W, random));
    },
  };
}
