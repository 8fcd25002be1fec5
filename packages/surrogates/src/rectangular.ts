import { abs, add, cast, clipByValue, div, less, mul } from "@tensorflow/tfjs-core";
import { checkPositive } from "./check.js";
import { type Spike, spike } from "./spike.js";

/** Options of {@link rectangular}. */
export interface RectangularOptions {
  /** Width a of the window, above 0; its height is 1/a, so that the area stays 1. @defaultValue 1 */
  readonly a?: number;
}

/**
 * Rectangular: `σ'(u) = 1/a where |u| < a/2, else 0`, the derivative of `σ(u) = clip(u/a + 1/2, 0, 1)`.
 *
 * Fang et al., NeurIPS 2021, Appendix A.5, with a = 1.
 *
 * @throws RangeError when `a` is not a finite number above 0
 *
 * @example
 * grad(rectangular())(tensor1d([0, 0.5, -0.25])).arraySync(); // [1, 0, 1]
 */
export function rectangular({ a = 1 }: RectangularOptions = {}): Spike {
  checkPositive("rectangular", "a", a);
  return spike((u) => mul(1 / a, cast(less(abs(u), a / 2), "float32")), {
    primitive: (u) => clipByValue(add(div(u, a), 0.5), 0, 1),
  });
}
