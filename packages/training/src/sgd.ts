import type { Module } from "@sew/layers";
import { SGDOptimizer, scalar, type Tensor, tensor, train } from "@tensorflow/tfjs-core";
import { checkSlots, type Optimizer, trainable } from "./optimizer.js";

/**
 * Stochastic gradient descent with momentum: `u ← μ·u + ∂L/∂w`, `w ← w − lr·u`.
 *
 * It is tfjs's `train.momentum`, with its state under the model's own names instead of the order of its calls.
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
  const variables = trainable("sgd", model);
  const names = [...variables.keys()];
  const inner = train.momentum(0, momentum);
  return {
    variables,
    apply(gradients) {
      // Its velocities have no names of their own, only the order of this list: it must be whole, and the same each time.
      inner.applyGradients([...variables.values()].map(({ name }) => ({ name, tensor: gradients[name] as Tensor })));
    },
    setLearningRate: (lr) => inner.setLearningRate(lr),
    async state() {
      const [iterations, ...velocities] = (await inner.getWeights()).map((weight) => weight.tensor);
      const values = await Promise.all(velocities.map((velocity) => velocity.data<"float32">()));
      iterations?.dispose();
      return {
        iterations: inner.iterations,
        slots: new Map(values.map((value, i) => [`velocity/${names[i]!}`, value])),
      };
    },
    async restore(state) {
      checkSlots("sgd", ["velocity"], variables, state);
      const { iterations, slots } = state;
      for (const { tensor: old } of await inner.getWeights()) old.dispose();
      const fresh = [{ name: "iter", tensor: scalar(iterations, "int32") as Tensor }];
      for (const [name, { shape }] of slots.size > 0 ? variables : []) {
        fresh.push({ name: `${name}/momentum`, tensor: tensor(slots.get(`velocity/${name}`)!, shape) });
      }
      await inner.setWeights(fresh);
      for (const { tensor: copied } of fresh) copied.dispose();
    },
    dispose() {
      inner.dispose();
      // What train.momentum's own dispose leaves behind: the scalar of the learning rate.
      SGDOptimizer.prototype.dispose.call(inner);
    },
  };
}
