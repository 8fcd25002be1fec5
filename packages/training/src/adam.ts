import { applyAdamKernel } from "@sew/kernels";
import { add, div, mul, sqrt, square } from "@tensorflow/tfjs-core";
import { fusedUpdate } from "./fusedUpdate.js";
import { chain, type ParameterTransform, type Transform } from "./transform.js";
import { type WeightDecayOptions, weightDecay } from "./weightDecay.js";

/** Options of {@link adam}. */
export interface AdamOptions {
  /** Decay of the mean of the gradients, in [0, 1). @defaultValue 0.9 */
  readonly beta1?: number;
  /** Decay of the mean of their squares, in [0, 1). @defaultValue 0.999 */
  readonly beta2?: number;
  /** ε, added to the root of that mean; above 0. @defaultValue 1e-8 */
  readonly epsilon?: number;
}

/**
 * Adam: `m ← β₁·m + (1 − β₁)·g`, `v ← β₂·v + (1 − β₂)·g²`; the update is `m̂ / (√v̂ + ε)` with `m̂ = m / (1 − β₁ᵗ)` and
 * `v̂ = v / (1 − β₂ᵗ)` at the t-th update. The state is `mean`, m, and `square`, v.
 *
 * tfjs has one too, but its powers of β after a restart differ in the last bit from those before, and so would the run.
 *
 * D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015.
 *
 * @throws RangeError when an option is out of range
 *
 * @example
 * const model = linear(1, 1);
 * const trained = optimizer(model, adam());
 * const loss = () => sum(model.forward(ones([1, 1, 1]), evaluation));
 * trained.apply(trained.gradients(loss).gradients, 0.1);
 * (await trained.state()).step; // 1
 */
export function adam({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamOptions = {}): ParameterTransform {
  for (const [name, beta] of Object.entries({ beta1, beta2 })) {
    if (!(Number.isFinite(beta) && beta >= 0 && beta < 1))
      throw new RangeError(`adam: ${name} must be at least 0 and below 1, got ${beta}`);
  }
  if (!(Number.isFinite(epsilon) && epsilon > 0)) {
    throw new RangeError(`adam: epsilon must be a finite number above 0, got ${epsilon}`);
  }
  return {
    name: `adam(${beta1}, ${beta2}, ${epsilon})`,
    slots: ["mean", "square"],
    update({ gradient, slots, step }) {
      const m = add(mul(slots.mean!, beta1), mul(gradient, 1 - beta1));
      const v = add(mul(slots.square!, beta2), mul(square(gradient), 1 - beta2));
      return [div(div(m, 1 - beta1 ** step), add(sqrt(div(v, 1 - beta2 ** step)), epsilon)), m, v];
    },
    fused: ({ weight, gradient, slots, learningRate, step }) =>
      fusedUpdate(
        applyAdamKernel,
        { weight, mean: slots.mean!, square: slots.square!, gradient },
        { rate: learningRate, beta1, beta2, epsilon, step },
      ),
  };
}

/** Options of {@link adamW}. */
export interface AdamWOptions extends AdamOptions, WeightDecayOptions {
  /** λ, times the learning rate; 0 or more. @defaultValue 0.01 */
  readonly weightDecay?: number;
}

/**
 * AdamW, Adam with decoupled weight decay: `w ← w − lr·(m̂ / (√v̂ + ε) + λ·w)`, that is
 * `chain(adam(options), weightDecay(λ, { where }))`. With λ = 0 it is {@link adam}, bit for bit.
 *
 * I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
 *
 * @throws RangeError when an option is out of range
 *
 * @example
 * const transform = adamW({ weightDecay: 0.05, where: (name) => !/norm|bias$/.test(name) });
 */
export function adamW({ weightDecay: decay = 0.01, where, ...options }: AdamWOptions = {}): Transform {
  return chain(adam(options), weightDecay(decay, { ...(where !== undefined && { where }) }));
}
