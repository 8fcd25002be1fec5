import {
  abs,
  add,
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

/** Keeps a quotient by the largest of zeros defined. */
const TINY = 1e-30;

/** Added to the norm, as in PyTorch's `clip_grad_norm_`. */
const EPSILON = 1e-6;

/**
 * Clips gradients by their global norm: `g ← g · min(1, maxNorm / (‖g‖ + 10⁻⁶))`, with ‖g‖ the L2 norm over all of
 * them, as PyTorch's `clip_grad_norm_`.
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
 * w.arraySync(); // [0.5999999, 0.7999998]
 */
export function clipByGlobalNorm(maxNorm: number): GlobalTransform {
  if (typeof maxNorm !== "number" || !(maxNorm > 0))
    throw new RangeError(`clipByGlobalNorm: maxNorm must be a number above 0, got ${maxNorm}`);
  return {
    name: `clipByGlobalNorm(${maxNorm})`,
    updateAll: (gradients) =>
      tidy(() => {
        const all = Object.entries(gradients);
        if (all.length === 0) return {};
        const largest = maximum(max(stack(all.map(([, g]) => max(abs(g))))), TINY);
        const squares = all.map(([, g]) => sum(square(div(g, largest))));
        const norm = mul(largest, sqrt(addN(squares))) as Scalar;
        const factor = minimum(1, div(maxNorm, add(norm, EPSILON)));
        return Object.fromEntries(all.map(([name, g]) => [name, mul(g, factor)]));
      }),
  };
}
