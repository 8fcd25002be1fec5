import { clone, mul, tensor } from "@tensorflow/tfjs-core";
import type { Module } from "./module.js";
import { type Random, seeded } from "./random.js";

/** Options of {@link dropout}. */
export interface DropoutOptions {
  /** Tells this layer's masks from those of another with the same seed. */
  readonly random?: Random;
}

/**
 * In training, `y = x · m / (1 − p)` with one mask m for all of T: a feature dropped at one step stays dropped, so
 * that the neurons after it see one thinned network for the whole sequence. In evaluation, `y = x`.
 *
 * `[T, N, ...] → [T, N, ...]`. The mask depends on the context's seed alone.
 *
 * @param p the chance of being dropped, in [0, 1)
 * @throws RangeError when p is out of range, and, when called in training, when the context has no seed
 *
 * @example
 * dropout(0.5).forward(ones([1, 1, 2]), evaluation).arraySync(); // [[[1, 1]]]
 */
export function dropout(p: number, { random = seeded(0) }: DropoutOptions = {}): Module {
  if (!(p >= 0 && p < 1)) throw new RangeError(`dropout: p must be at least 0 and below 1, got ${p}`);
  const salt = Math.floor(random() * 2 ** 31);
  return {
    forward(x, { training, seed }) {
      if (!training || p === 0) return clone(x);
      if (seed === undefined) {
        throw new RangeError("dropout: context must have a seed in training, got none; pass a new one for each step");
      }
      const draw = seeded((seed ^ salt) | 0);
      const shape = [1, ...x.shape.slice(1)];
      const size = shape.reduce((a, b) => a * b, 1);
      return mul(
        x,
        tensor(
          Float32Array.from({ length: size }, () => (draw() < p ? 0 : 1 / (1 - p))),
          shape,
        ),
      );
    },
  };
}
