/** @file Where initial weights come from. */
import { type Tensor, tensor } from "@tensorflow/tfjs-core";
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** The next number of a sequence, uniform in [0, 1). */
export type Random = () => number;

/**
 * A sequence of random numbers that depends on the seed alone: the same on every machine and backend.
 *
 * @example
 * seeded(1)() === seeded(1)(); // true
 */
export function seeded(seed: number): Random {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seeded: seed must be an integer, got ${seed}`);
  const generator = xoroshiro128plus(seed);
  // The first numbers of neighbouring seeds are alike: 1.00, 0.99, 0.97, ...
  for (let skipped = 0; skipped < 16; skipped++) generator.next();
  return () => uniformFloat64(generator);
}

/** A tensor of numbers uniform in [−bound, bound). */
export function uniform(shape: readonly number[], bound: number, random: Random): Tensor {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (2 * random() - 1) * bound);
  return tensor(values, [...shape]);
}
