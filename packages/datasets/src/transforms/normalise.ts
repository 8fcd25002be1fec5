import { defineTransform, type Transform } from "./transform.js";

/** Mean and deviation that {@link normalise} removes. */
export interface NormaliseOptions {
  /** One number for all channels, or one per channel `[C]`. */
  readonly mean: number | readonly number[];
  /** One number for all channels, or one per channel `[C]`; above 0. */
  readonly std: number | readonly number[];
}

/**
 * `(x - mean) / std`, per channel, the last axis.
 *
 * @throws RangeError when a mean is not finite, a deviation is not above 0, or their number is not that of the channels
 *
 * @example
 * const pixel = Float32Array.of(0.5, 1);
 * normalise({ mean: [0.5, 0], std: 0.5 }).apply(pixel, [1, 1, 1, 2], random(0)); // Float32Array [0, 2]
 */
export const normalise: (options: NormaliseOptions) => Transform = defineTransform(
  import.meta.url,
  "normalise",
  ({ mean, std }: NormaliseOptions) => {
    const means = [mean].flat();
    const stds = [std].flat();
    if (!(means.length > 0 && means.every(Number.isFinite))) {
      throw new RangeError(`normalise: mean must be finite, got ${JSON.stringify(mean)}`);
    }
    if (!(stds.length > 0 && stds.every((value) => value > 0 && Number.isFinite(value)))) {
      throw new RangeError(`normalise: std must be finite and above 0, got ${JSON.stringify(std)}`);
    }
    return {
      name: "normalise",
      shapeOf(shape) {
        const channels = shape.at(-1)!;
        for (const [name, { length }] of Object.entries({ mean: means, std: stds })) {
          if (length !== 1 && length !== channels) {
            throw new RangeError(`normalise: ${name} must have 1 or ${channels} values, one a channel, got ${length}`);
          }
        }
        return shape;
      },
      apply(x, shape) {
        const channels = shape.at(-1)!;
        for (let c = 0; c < channels; c++) {
          const m = means[c % means.length]!;
          const s = stds[c % stds.length]!;
          for (let i = c; i < x.length; i += channels) x[i] = (x[i]! - m) / s;
        }
        return x;
      },
    };
  },
);
