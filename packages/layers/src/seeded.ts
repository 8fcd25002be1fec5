/** @file The random numbers of layers that are made without a stream of their own. */
import { checkSeed, type Random, random } from "@sew/random";

/** Seed and count of the layers that are made just now. */
let scope = { seed: 0, layers: 0 };

/** The stream of the next layer that has none of its own: no two layers share it. @internal */
export function nextRandom(): Random {
  return random(scope.seed, scope.layers++);
}

/**
 * Runs `make` so that the layers which it makes without `random` depend on the seed and their order in `make` alone: the
 * first of them draws its initial weights, and dropout its masks, from `random(seed, 0)`, the next from `random(seed, 1)`.
 *
 * Without it the layers of a process are numbered from its start, with seed 0: no two are alike, and a program that makes
 * the same layers in the same order gets the same numbers. Calls may nest; a layer belongs to the innermost.
 *
 * @param seed an integer
 * @param make makes layers, before it returns
 * @throws RangeError when the seed is no integer; TypeError when `make` returns a promise
 *
 * @example
 * const make = () => sequential({ hidden: linear(4, 4), last: linear(4, 4) });
 * const [a, b] = [seeded(7, make), seeded(7, make)];
 * const distance = (p, q) => sum(abs(sub(p.parameters.weight, q.parameters.weight))).arraySync();
 * distance(a.children.last, b.children.last); // 0
 * distance(a.children.hidden, a.children.last) > 0; // true
 */
export function seeded<T>(seed: number, make: () => T): T {
  checkSeed("seeded", seed);
  const outer = scope;
  scope = { seed, layers: 0 };
  try {
    const made = make();
    if (made instanceof Promise) {
      throw new TypeError("seeded: make must return what it made, got a promise; make the layers without await");
    }
    return made;
  } finally {
    scope = outer;
  }
}
