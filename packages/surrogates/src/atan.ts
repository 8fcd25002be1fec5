import { add, atan as arctan, div, mul, square, type Tensor } from "@tensorflow/tfjs-core";
import { checkPositive } from "./check.js";
import { type Spike, spike } from "./spike.js";

/** Options of {@link atan}. */
export interface AtanOptions {
  /** Steepness α, above 0; σ'(0) = α/2. The paper trains with 2. @defaultValue 2 */
  readonly alpha?: number;
}

/**
 * ArcTan: `σ'(u) = α / (2 (1 + (π/2 · α · u)²))`, the derivative of `σ(u) = arctan(π/2 · α · u)/π + 1/2`.
 *
 * At α = 2, σ'(0) = 1 and σ'(±1) = 0.092.
 *
 * W. Fang et al., "Deep Residual Learning in Spiking Neural Networks", NeurIPS 2021, section 3.1 and Appendix A.5.
 *
 * @throws RangeError when `alpha` is not a finite number above 0
 *
 * @example
 * grad(atan({ alpha: 2 }))(tensor1d([0])).arraySync(); // [1]
 */
export function atan({ alpha = 2 }: AtanOptions = {}): Spike {
  checkPositive("atan", "alpha", alpha);
  const z = (u: Tensor) => mul((Math.PI / 2) * alpha, u);
  return spike((u) => div(alpha / 2, add(1, square(z(u)))), {
    primitive: (u) => add(div(arctan(z(u)), Math.PI), 0.5),
  });
}
