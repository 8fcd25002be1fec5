import { type MomentumOptions, momentum } from "./momentum.js";
import { chain, type Transform } from "./transform.js";
import { type WeightDecayOptions, weightDecay } from "./weightDecay.js";

/** Options of {@link sgd}. */
export interface SgdOptions extends MomentumOptions, WeightDecayOptions {
  /** λ, added to the gradient as `λ·w`; 0 or more. @defaultValue 0 */
  readonly weightDecay?: number;
}

/**
 * Stochastic gradient descent as in PyTorch: `chain(weightDecay(λ, { where }), momentum({ momentum, nesterov }))`.
 *
 * @throws RangeError when an option is out of range
 *
 * @example
 * optimizer(linear(2, 3), sgd({ weightDecay: 1e-4 })).name; // "weightDecay(0.0001), momentum(0.9)"
 */
export function sgd({ weightDecay: decay = 0, where, ...options }: SgdOptions = {}): Transform {
  if (decay === 0) return momentum(options);
  return chain(weightDecay(decay, { ...(where !== undefined && { where }) }), momentum(options));
}
