import { add, erf as errorFunction, exp, mul, neg, square, type Tensor } from "@tensorflow/tfjs-core";
import { checkPositive } from "./check.js";
import { type Spike, spike } from "./spike.js";

/** Options of {@link erf}. */
export interface ErfOptions {
  /** Steepness α, above 0; σ'(0) = α/√π. @defaultValue 2 */
  readonly alpha?: number;
}

/**
 * Error function: `σ'(u) = α/√π · exp(−α² u²)`, a Gaussian, the derivative of `σ(u) = (1 + erf(αu)) / 2`.
 *
 * At the default α = 2, σ'(0) = 1.128.
 *
 * @throws RangeError when `alpha` is not a finite number above 0
 *
 * @example
 * grad(erf({ alpha: Math.sqrt(Math.PI) }))(tensor1d([0])).arraySync(); // [1]
 */
export function erf({ alpha = 2 }: ErfOptions = {}): Spike {
  checkPositive("erf", "alpha", alpha);
  const z = (u: Tensor) => mul(alpha, u);
  return spike((u) => mul(alpha / Math.sqrt(Math.PI), exp(neg(square(z(u))))), {
    primitive: (u) => mul(0.5, add(1, errorFunction(z(u)))),
  });
}
