import { defineTransform, imageShape, type Transform } from "./transform.js";

/** How often {@link randomFlip} flips. */
export interface RandomFlipOptions {
  /** Probability that a sample is flipped, in 0..1. @defaultValue 0.5 */
  readonly probability?: number;
}

/**
 * Mirrors samples left to right, at random: `x[t, y, w, c]` becomes `x[t, y, W - 1 - w, c]`.
 *
 * All time-steps of a sample are flipped together. Not for classes that differ between left and right, such as those of
 * DVS128 Gesture.
 *
 * @throws RangeError when `probability` is not in 0..1
 *
 * @example
 * const image = Float32Array.of(1, 2, 3, 4);
 * randomFlip({ probability: 1 }).apply(image, [1, 2, 2, 1], random(0)); // Float32Array [2, 1, 4, 3]
 */
export const randomFlip: (options?: RandomFlipOptions) => Transform = defineTransform(
  import.meta.url,
  "randomFlip",
  ({ probability = 0.5 }: RandomFlipOptions = {}) => {
    if (!(probability >= 0 && probability <= 1)) {
      throw new RangeError(`randomFlip: probability must be in 0..1, got ${probability}`);
    }
    return {
      name: "randomFlip",
      shapeOf: (shape) => imageShape("randomFlip", shape),
      apply(x, shape, random) {
        if (random.uniform() >= probability) return x;
        const [T, H, W, C] = imageShape("randomFlip", shape);
        const out = new Float32Array(x.length);
        for (let row = 0; row < T * H; row++) {
          for (let w = 0; w < W; w++) {
            const from = (row * W + w) * C;
            const to = (row * W + W - 1 - w) * C;
            for (let c = 0; c < C; c++) out[to + c] = x[from + c]!;
          }
        }
        return out;
      },
    };
  },
);
