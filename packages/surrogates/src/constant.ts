import { add, fill, mul } from "@tensorflow/tfjs-core";
import { checkPositive } from "./check.js";
import { type Spike, spike } from "./spike.js";

/** Options of {@link constant}. */
export interface ConstantOptions {
  /** The slope everywhere, above 0. @defaultValue 1 */
  readonly value?: number;
}

/**
 * Constant: `σ'(u) = value`, the straight-through estimator; `σ(u) = value · u + 1/2`, which leaves [0, 1].
 *
 * Fang et al., NeurIPS 2021, Appendix A.5, with value 1.
 *
 * @throws RangeError when `value` is not a finite number above 0
 *
 * @example
 * grad(constant())(tensor1d([-3, 3])).arraySync(); // [1, 1]
 */
export function constant({ value = 1 }: ConstantOptions = {}): Spike {
  checkPositive("constant", "value", value);
  return spike((u) => fill(u.shape, value), {
    primitive: (u) => add(mul(value, u), 0.5),
  });
}
