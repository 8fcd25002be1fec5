import { abs, add, div, mul, square } from "@tensorflow/tfjs-core";
import { checkPositive } from "./check.js";
import { type Spike, spike } from "./spike.js";

/** Options of {@link softSign}. */
export interface SoftSignOptions {
  /** Steepness α, above 0; σ'(0) = α/2. @defaultValue 2 */
  readonly alpha?: number;
}

/**
 * Soft sign: `σ'(u) = α / (2 (1 + α |u|)²)`, the derivative of `σ(u) = (αu / (1 + α |u|) + 1) / 2`.
 *
 * At the default α = 2, σ'(0) = 1. With tails of 1/u², it reaches neurons that are far from their threshold.
 *
 * @throws RangeError when `alpha` is not a finite number above 0
 *
 * @example
 * grad(softSign())(tensor1d([0, 0.5])).arraySync(); // [1, 0.25]
 */
export function softSign({ alpha = 2 }: SoftSignOptions = {}): Spike {
  checkPositive("softSign", "alpha", alpha);
  return spike((u) => div(alpha / 2, square(add(1, mul(alpha, abs(u))))), {
    primitive: (u) => add(div(mul(alpha / 2, u), add(1, mul(alpha, abs(u)))), 0.5),
  });
}
