import { abs, add, div, mul, square } from "@tensorflow/tfjs-core";
import { checkPositive } from "./check.js";
import { type Spike, spike } from "./spike.js";

/** Options of {@link superSpike}. */
export interface SuperSpikeOptions {
  /** Height α, above 0; σ'(0) = α. @defaultValue 1 */
  readonly alpha?: number;
}

/**
 * SuperSpike: `σ'(u) = α / (1 + |u|)²`, the derivative of `σ(u) = αu / (1 + |u|) + 1/2`.
 *
 * σ runs from 1/2 − α to 1/2 + α, and so leaves [0, 1] where α > 1/2.
 *
 * F. Zenke and S. Ganguli, "SuperSpike: Supervised Learning in Multilayer Spiking Neural Networks", Neural Computation
 * 30(6), 2018.
 *
 * @throws RangeError when `alpha` is not a finite number above 0
 *
 * @example
 * grad(superSpike())(tensor1d([0, -1])).arraySync(); // [1, 0.25]
 */
export function superSpike({ alpha = 1 }: SuperSpikeOptions = {}): Spike {
  checkPositive("superSpike", "alpha", alpha);
  return spike((u) => div(alpha, square(add(1, abs(u)))), {
    primitive: (u) => add(div(mul(alpha, u), add(1, abs(u))), 0.5),
  });
}
