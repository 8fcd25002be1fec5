/** @file Seeded random numbers. Every random choice of this package is a function of numbers that the user gave. */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** A stream of random numbers; the same seeds give the same stream on every machine. */
export interface Random {
  /** A whole number in 0..n-1, each equally likely. */
  int(n: number): number;
  /** A number in [min, max). */
  uniform(min: number, max: number): number;
  /** A number with mean 0 and deviation 1. */
  normal(): number;
}

/** A stream that depends on every one of `seeds` and on their order. */
export function random(...seeds: readonly number[]): Random {
  const rng = xoroshiro128plus(mix(seeds));
  for (let i = 0; i < 8; i++) rng.next();
  const fraction = (): number => (rng.next() >>> 0) / 2 ** 32;
  return {
    int: (n) => uniformInt(rng, 0, n - 1),
    uniform: (min, max) => min + (max - min) * fraction(),
    normal: () => Math.sqrt(-2 * Math.log(1 - fraction())) * Math.cos(2 * Math.PI * fraction()),
  };
}

/** 0..n-1 in random order, all n! orders equally likely (Fisher-Yates). */
export function permutation(n: number, rng: Random): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = rng.int(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** Throws `RangeError` unless `seed` is a whole number that doubles hold exactly. */
export function checkSeed(caller: string, seed: number): void {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`${caller}: seed must be a whole number, got ${seed}`);
}

/** MurmurHash3 (x86, 32 bit) of the low and high words of each seed. */
function mix(seeds: readonly number[]): number {
  let h = seeds.length;
  for (const seed of seeds) {
    for (const word of [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0]) {
      let k = Math.imul(word, 0xcc9e2d51);
      k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
      h ^= k;
      h = Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64;
    }
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}
