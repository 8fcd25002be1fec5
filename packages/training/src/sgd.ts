import { type Module, namedParameters } from "@sew/layers";
import {
  type NamedTensorMap,
  SGDOptimizer,
  scalar,
  type Tensor,
  tensor,
  train,
  type Variable,
} from "@tensorflow/tfjs-core";

/** An optimiser whose state can be taken out and put back. */
export interface Optimizer {
  /** What it changes, by its full name in the model. A variable that the model holds twice is here once. */
  readonly variables: ReadonlyMap<string, Variable>;
  /** Updates the variables. Gradients are named as the variables themselves; one without a gradient stays as it is. */
  apply(gradients: NamedTensorMap): void;
  setLearningRate(lr: number): void;
  state(): Promise<OptimizerState>;
  restore(state: OptimizerState): Promise<void>;
  dispose(): void;
}

/** All that an {@link Optimizer} remembers. */
export interface OptimizerState {
  /** How many updates were made. */
  readonly iterations: number;
  /** The velocity of every variable, by its full name in the model; none before the first update. */
  readonly velocities: ReadonlyMap<string, Float32Array>;
}

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
 * [...(await optimizer.state()).velocities.get("bias")]; // [1]
 */
export function sgd(model: Module, momentum = 0.9): Optimizer {
  if (!(momentum >= 0 && momentum < 1)) {
    throw new RangeError(`sgd: momentum must be at least 0 and below 1, got ${momentum}`);
  }
  const variables = new Map<string, Variable>();
  for (const [name, variable] of namedParameters(model)) {
    if (variable.trainable && ![...variables.values()].includes(variable)) variables.set(name, variable);
  }
  if (variables.size === 0) throw new RangeError("sgd: model must have a trainable parameter, got none");
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
      return { iterations: inner.iterations, velocities: new Map(values.map((value, i) => [names[i]!, value])) };
    },
    async restore({ iterations, velocities }) {
      const missing = velocities.size > 0 ? names.find((name) => !velocities.has(name)) : undefined;
      if (missing !== undefined) {
        throw new RangeError(`sgd: state must have a velocity for each trained parameter, got none for ${missing}`);
      }
      for (const { tensor: old } of await inner.getWeights()) old.dispose();
      const fresh = [{ name: "iter", tensor: scalar(iterations, "int32") as Tensor }];
      for (const [name, { shape }] of velocities.size > 0 ? variables : []) {
        fresh.push({ name: `${name}/momentum`, tensor: tensor(velocities.get(name)!, shape) });
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
