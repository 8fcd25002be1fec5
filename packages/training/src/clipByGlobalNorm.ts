import {
  abs,
  addN,
  div,
  max,
  maximum,
  minimum,
  mul,
  type Scalar,
  sqrt,
  square,
  stack,
  sum,
  tidy,
} from "@tensorflow/tfjs-core";
import type { GlobalTransform } from "./transform.js";

/** Keeps a quotient by the norm of zeros defined. */
const TINY = 1e-30;

/**
 * Clips gradients by their global norm: `g ← g · min(1, maxNorm / ‖g‖)`, with ‖g‖ the L2 norm over all of them.
 *
 * The norm is computed relative to the largest value, so that gradients far beyond √(largest float32) are clipped too;
 * where one is infinite or NaN the result is NaN.
 *
 * R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
 *
 * @param maxNorm maximum global L2 norm, above 0
 * @throws RangeError when maxNorm is not a number above 0
 *
 * @example
 * const { w } = clipByGlobalNorm(1).updateAll({ w: tensor1d([3, 4]) });
 * w.arraySync(); // [0.6, 0.8]
 */
export function clipByGlobalNorm(maxNorm: number): GlobalTransform {
  if (!(maxNorm > 0)) throw new RangeError(`clipByGlobalNorm: maxNorm must be a number above 0, got ${maxNorm}`);
  return {
    name: `clipByGlobalNorm(${maxNorm})`,
    updateAll: (gradients) =>
      tidy(() => {
        const all = Object.entries(gradients);
        if (all.length === 0) return {};
        const largest = maximum(max(stack(all.map(([, g]) => max(abs(g))))), TINY);
        const squares = all.map(([, g]) => sum(square(div(g, largest))));
        const norm = mul(largest, sqrt(addN(squares))) as Scalar;
        const factor = minimum(1, div(maxNorm, maximum(norm, TINY)));
        return Object.fromEntries(all.map(([name, g]) => [name, mul(g, factor)]));
      }),
  };
}
