import { applyAdam } from "@sew/kernels";
import type { Module } from "@sew/layers";
import { type Optimizer, optimizer } from "./optimizer.js";

/** Options of {@link adam}. */
export interface AdamOptions {
  /** How slowly the mean of the gradients moves, in [0, 1). */
  readonly beta1?: number;
  /** How slowly the mean of their squares moves, in [0, 1). */
  readonly beta2?: number;
  /** Added to the root of the latter. */
  readonly epsilon?: number;
}

/**
 * Adam: `m ← β₁·m + (1 − β₁)·g`, `v ← β₂·v + (1 − β₂)·g²`, `w ← w − lr · m̂ / (√v̂ + ε)` with `m̂ = m / (1 − β₁ᵗ)` and
 * `v̂ = v / (1 − β₂ᵗ)` at the t-th update.
 *
 * The paper trains with SGD; Adam needs fewer steps where there are few. tfjs has one too, but its powers of β after a
 * restart differ in the last bit from those before, and so would the run.
 *
 * D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015.
 *
 * @param model whose trainable parameters it changes
 * @throws RangeError when a β is out of range, ε is not above 0, or the model has nothing to train
 *
 * @example
 * const model = linear(1, 1);
 * const optimizer = adam(model);
 * optimizer.setLearningRate(0.1);
 * const loss = () => sum(model.forward(ones([1, 1, 1]), evaluation));
 * optimizer.apply(leanGradients(loss, [...optimizer.variables.values()]).grads);
 * (await optimizer.state()).iterations; // 1
 */
export function adam(model: Module, options: AdamOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  for (const [name, beta] of Object.entries({ beta1, beta2 })) {
    if (!(beta >= 0 && beta < 1)) throw new RangeError(`adam: ${name} must be at least 0 and below 1, got ${beta}`);
  }
  if (!(epsilon > 0)) throw new RangeError(`adam: epsilon must be above 0, got ${epsilon}`);
  return optimizer("adam", model, ["mean", "square"], ({ weight, gradient, slots, rate, step }) =>
    applyAdam({ weight, ...slots, gradient }, { rate, beta1, beta2, epsilon, step }),
  );
}
