import type { Module } from "@sew/layers";
import {
  add,
  div,
  mul,
  sqrt,
  square,
  sub,
  type Tensor,
  tensor,
  tidy,
  variable,
  zerosLike,
} from "@tensorflow/tfjs-core";
import { checkSlots, type Optimizer, trainable } from "./optimizer.js";

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
  const variables = trainable("adam", model);
  const means = new Map([...variables].map(([name, w]) => [name, tidy(() => variable(zerosLike(w), false))]));
  const squares = new Map([...variables].map(([name, w]) => [name, tidy(() => variable(zerosLike(w), false))]));
  const kinds = { mean: means, square: squares };
  let iterations = 0;
  let rate = 0;
  return {
    variables,
    apply(gradients) {
      iterations++;
      const [unbiasM, unbiasV] = [1 - beta1 ** iterations, 1 - beta2 ** iterations];
      for (const [name, w] of variables) {
        const g = gradients[w.name] as Tensor | null | undefined;
        if (g === undefined || g === null) continue;
        tidy(() => {
          const [m, v] = [means.get(name)!, squares.get(name)!];
          m.assign(add(mul(m, beta1), mul(g, 1 - beta1)));
          v.assign(add(mul(v, beta2), mul(square(g), 1 - beta2)));
          const step = div(div(m, unbiasM), add(sqrt(div(v, unbiasV)), epsilon));
          w.assign(sub(w, mul(step, rate)));
        });
      }
    },
    setLearningRate(lr) {
      rate = lr;
    },
    async state() {
      const slots = new Map<string, Float32Array>();
      for (const [kind, values] of iterations > 0 ? Object.entries(kinds) : []) {
        for (const [name, value] of values) slots.set(`${kind}/${name}`, await value.data<"float32">());
      }
      return { iterations, slots };
    },
    async restore(state) {
      checkSlots("adam", Object.keys(kinds), variables, state);
      iterations = state.iterations;
      tidy(() => {
        for (const [kind, values] of Object.entries(kinds)) {
          for (const [name, value] of values) {
            const slot = state.slots.get(`${kind}/${name}`);
            value.assign(slot === undefined ? zerosLike(value) : tensor(slot, value.shape));
          }
        }
      });
    },
    dispose() {
      for (const value of [...means.values(), ...squares.values()]) value.dispose();
    },
  };
}
