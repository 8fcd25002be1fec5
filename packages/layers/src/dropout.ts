import { type Random, random } from "@sew/random";
import { clone, mul, tensor } from "@tensorflow/tfjs-core";
import { checkNumber } from "./check.js";
import type { Module } from "./module.js";
import { nextRandom } from "./seeded.js";

/** Options of {@link dropout}. */
export interface DropoutOptions {
  /** Tells this layer's masks from those of another layer. @defaultValue a stream of its own; see {@link seeded} */
  readonly random?: Random;
}

/**
 * In training, `y = x · m / (1 − p)` with one mask m for all of T: a feature dropped at one step stays dropped, so
 * that the neurons after it see one thinned network for the whole sequence. In evaluation, `y = x`.
 *
 * `[T, N, ...] → [T, N, ...]`. The mask depends on the context's seed and the layer.
 *
 * @param p the chance of being dropped, in [0, 1)
 * @throws RangeError when p is out of range, and, when called in training, when the context has no seed
 *
 * @example
 * dropout(0.5).forward(ones([1, 1, 2]), evaluation).arraySync(); // [[[1, 1]]]
 */
export function dropout(p: number, { random: rng = nextRandom() }: DropoutOptions = {}): Module {
  checkNumber("dropout", "p", p, "at least 0 and below 1", (value) => value >= 0 && value < 1);
  const salt = rng.int(2 ** 31);
  return {
    forward(x, { training, seed }) {
      if (!training || p === 0) return clone(x);
      if (seed === undefined) {
        throw new RangeError("dropout: context must have a seed in training, got none; pass a new one for each step");
      }
      const draw = random(seed, salt);
      const shape = [1, ...x.shape.slice(1)];
      const size = shape.reduce((a, b) => a * b, 1);
      return mul(
        x,
        tensor(
          new Float32Array(size).map(() => (draw.uniform() < p ? 0 : 1 / (1 - p))),
          shape,
        ),
      );
    },
  };
}
