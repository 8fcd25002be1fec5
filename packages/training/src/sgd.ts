import { applyMomentum } from "@sew/kernels";
import type { Module } from "@sew/layers";
import { type Optimizer, optimizer } from "./optimizer.js";

/**
 * Stochastic gradient descent with momentum: `u ← μ·u + ∂L/∂w`, `w ← w − lr·u`.
 *
 * It is tfjs's `train.momentum` bit for bit, with its state under the model's own names instead of the order of its calls.
 *
 * @param model whose trainable parameters it changes
 * @param momentum μ, in [0, 1)
 * @throws RangeError when momentum is out of range or the model has nothing to train
 *
 * @example
 * const model = linear(1, 1);
 * const optimizer = sgd(model, 0.9);
 * optimizer.setLearningRate(0.1);
 * const loss = () => sum(model.forward(ones([1, 1, 1]), evaluation));
 * optimizer.apply(leanGradients(loss, [...optimizer.variables.values()]).grads);
 * [...(await optimizer.state()).slots.get("velocity/bias")]; // [1]
 */
export function sgd(model: Module, momentum = 0.9): Optimizer {
  if (!(momentum >= 0 && momentum < 1)) {
    throw new RangeError(`sgd: momentum must be at least 0 and below 1, got ${momentum}`);
  }
  return optimizer("sgd", model, ["velocity"], ({ weight, gradient, slots: { velocity }, rate }) =>
    applyMomentum({ weight, velocity, gradient }, { rate, momentum }),
  );
}
