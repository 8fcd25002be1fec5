import { abs, add, div, exp, sigmoid as logistic, mul, square } from "@tensorflow/tfjs-core";
import { checkPositive } from "./check.js";
import { type Spike, spike } from "./spike.js";

/** Options of {@link sigmoid}. */
export interface SigmoidOptions {
  /** Steepness α, above 0; σ'(0) = α/4. @defaultValue 4 */
  readonly alpha?: number;
}

/**
 * Sigmoid: `σ'(u) = α · s (1 − s)` with `s = σ(u) = 1 / (1 + exp(−α u))`.
 *
 * At the default α = 4, σ'(0) = 1.
 *
 * @throws RangeError when `alpha` is not a finite number above 0
 *
 * @example
 * grad(sigmoid())(tensor1d([0])).arraySync(); // [1]
 */
export function sigmoid({ alpha = 4 }: SigmoidOptions = {}): Spike {
  checkPositive("sigmoid", "alpha", alpha);
  return spike(
    (u) => {
      // s (1 − s) = e / (1 + e)², without the 1 − s that loses its digits where s is near 1.
      const e = exp(mul(-alpha, abs(u)));
      return div(mul(alpha, e), square(add(1, e)));
    },
    { primitive: (u) => logistic(mul(alpha, u)) },
  );
}
