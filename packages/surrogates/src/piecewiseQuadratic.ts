import { abs, add, clipByValue, mul, relu, sub } from "@tensorflow/tfjs-core";
import { checkPositive } from "./check.js";
import { type Spike, spike } from "./spike.js";

/** Options of {@link piecewiseQuadratic}. */
export interface PiecewiseQuadraticOptions {
  /** Height α of the triangle, above 0; its base is 2/α wide, so that the area stays 1. @defaultValue 1 */
  readonly alpha?: number;
}

/**
 * Piecewise quadratic: `σ'(u) = max(0, α − α² |u|)`, a triangle, the derivative of
 * `σ(u) = αu − α² |u| u / 2 + 1/2 where |u| ≤ 1/α, 0 before and 1 after`.
 *
 * S. K. Esser et al., "Convolutional networks for fast, energy-efficient neuromorphic computing", PNAS 113(41), 2016.
 *
 * @throws RangeError when `alpha` is not a finite number above 0
 *
 * @example
 * grad(piecewiseQuadratic())(tensor1d([0, -0.25, 2])).arraySync(); // [1, 0.75, 0]
 */
export function piecewiseQuadratic({ alpha = 1 }: PiecewiseQuadraticOptions = {}): Spike {
  checkPositive("piecewiseQuadratic", "alpha", alpha);
  return spike((u) => mul(alpha, relu(sub(1, mul(alpha, abs(u))))), {
    primitive: (u) => {
      const z = clipByValue(mul(alpha, u), -1, 1);
      return add(mul(z, sub(1, mul(0.5, abs(z)))), 0.5);
    },
  });
}
