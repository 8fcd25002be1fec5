import { abs, add, exp, mul, sign, sub } from "@tensorflow/tfjs-core";
import { checkPositive } from "./check.js";
import { type Spike, spike } from "./spike.js";

/** Options of {@link piecewiseExponential}. */
export interface PiecewiseExponentialOptions {
  /** Steepness α, above 0; σ'(0) = α/2. @defaultValue 1 */
  readonly alpha?: number;
}

/**
 * Piecewise exponential: `σ'(u) = α/2 · exp(−α |u|)`, the derivative of
 * `σ(u) = exp(αu)/2 where u < 0, else 1 − exp(−αu)/2`.
 *
 * S. B. Shrestha and G. Orchard, "SLAYER: Spike Layer Error Reassignment in Time", NeurIPS 2018.
 *
 * @throws RangeError when `alpha` is not a finite number above 0
 *
 * @example
 * grad(piecewiseExponential())(tensor1d([0])).arraySync(); // [0.5]
 */
export function piecewiseExponential({ alpha = 1 }: PiecewiseExponentialOptions = {}): Spike {
  checkPositive("piecewiseExponential", "alpha", alpha);
  return spike((u) => mul(alpha / 2, exp(mul(-alpha, abs(u)))), {
    primitive: (u) => add(mul(mul(0.5, sign(u)), sub(1, exp(mul(-alpha, abs(u))))), 0.5),
  });
}
