import type { Random } from "./random.js";

/**
 * The numbers 0 to n − 1 in random order, all n! orders equally likely (Fisher-Yates).
 *
 * @param n how many numbers; 0 or more
 * @returns `[n]`
 *
 * @example
 * permutation(4, random(1)).toSorted(); // Int32Array [0, 1, 2, 3]
 */
export function permutation(n: number, rng: Random): Int32Array {
  const order = new Int32Array(n).map((_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = rng.int(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
