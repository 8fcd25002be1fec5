import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { mixSeed } from "./mixSeed.js";

/** A stream of random numbers. Each call takes the next numbers of the stream. */
export interface Random {
  /** An integer from 0 to n − 1, each equally likely. */
  int(n: number): number;
  /** A number in [min, max). @defaultValue [0, 1) */
  uniform(min?: number, max?: number): number;
  /** A normally distributed number with mean 0 and standard deviation 1. */
  normal(): number;
}

/**
 * A stream of random numbers that depends on its seeds and their order alone: the same on every machine.
 *
 * Derive a stream from what it is for, such as `random(seed, epoch, batch)`, instead of sharing one: then the streams do
 * not depend on the order in which they are used.
 *
 * The generator is xoroshiro128+; the seed is {@link mixSeed} of the seeds.
 *
 * D. Blackman, S. Vigna, "Scrambled Linear Pseudorandom Number Generators", ACM Transactions on Mathematical Software
 * 47(4), 2021.
 *
 * @param seeds whole numbers that doubles hold exactly
 * @throws RangeError when a seed is no such number
 *
 * @example
 * random(1, 2).uniform() === random(1, 2).uniform(); // true
 * random(1).int(1); // 0
 */
export function random(...seeds: readonly number[]): Random {
  for (const seed of seeds) checkSeed("random", seed);
  const generator = xoroshiro128plus(mixSeed(...seeds));
  // The first numbers of a xoroshiro128+ stream still show its seed.
  for (let skipped = 0; skipped < 16; skipped++) generator.next();
  const fraction = (): number => uniformFloat64(generator);
  return {
    int: (n) => uniformInt(generator, 0, n - 1),
    uniform: (min = 0, max = 1) => min + (max - min) * fraction(),
    // Box-Muller; 1 − fraction() is never 0.
    normal: () => Math.sqrt(-2 * Math.log(1 - fraction())) * Math.cos(2 * Math.PI * fraction()),
  };
}

/** Throws `RangeError` unless `seed` is a whole number that doubles hold exactly. @internal */
export function checkSeed(caller: string, seed: number): void {
  if (!Number.isSafeInteger(seed))
    throw new RangeError(
      `${caller}: seed must be an integer, got ${typeof seed === "string" ? JSON.stringify(seed) : seed}`,
    );
}
