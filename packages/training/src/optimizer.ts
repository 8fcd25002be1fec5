/** @file What an optimiser is to the loop and to checkpoints. */
import { type Module, namedParameters } from "@sew/layers";
import {
  type NamedTensorMap,
  type Tensor,
  tensor,
  tidy,
  type Variable,
  variable,
  zerosLike,
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
  /**
   * What it keeps of every variable, each of the variable's shape, under `<what>/<full name in the model>`, such as
   * `velocity/block0.a.conv.weight`; none before the first update.
   */
  readonly slots: ReadonlyMap<string, Float32Array>;
}

/** One variable at an update. */
export interface Update<K extends string> {
  readonly weight: Variable;
  readonly gradient: Tensor;
  /** What the optimiser keeps of it, by kind: zeros at first. */
  readonly slots: Readonly<Record<K, Variable>>;
  /** The learning rate. */
  readonly rate: number;
  /** Which update this is, from 1 on. */
  readonly step: number;
}

/**
 * An optimiser that is one function of each variable: of `update`, which returns the new weight and then the new slots,
 * in the order of `kinds`.
 *
 * @throws RangeError when the model has nothing to train
 */
export function optimizer<K extends string>(
  where: string,
  model: Module,
  kinds: readonly K[],
  update: (of: Update<K>) => readonly Tensor[],
): Optimizer {
  const variables = trainable(where, model);
  const zeros = (w: Variable) => tidy(() => variable(zerosLike(w), false));
  const slots = new Map(
    [...variables].map(([name, w]) => [
      name,
      Object.fromEntries(kinds.map((kind) => [kind, zeros(w)])) as Record<K, Variable>,
    ]),
  );
  const named = kinds.flatMap((kind) =>
    [...slots].map(([name, own]) => ({ key: `${kind}/${name}`, kind, name, slot: own[kind] })),
  );
  let iterations = 0;
  let rate = 0;
  return {
    variables,
    apply(gradients) {
      iterations++;
      for (const [name, weight] of variables) {
        const gradient = gradients[weight.name] as Tensor | null | undefined;
        if (gradient === undefined || gradient === null) continue;
        const own = slots.get(name)!;
        tidy(() => {
          const updated = update({ weight, gradient, slots: own, rate, step: iterations });
          [weight, ...kinds.map((kind) => own[kind])].forEach((v, i) => {
            v.assign(updated[i]!);
          });
        });
      }
    },
    setLearningRate(lr) {
      rate = lr;
    },
    async state() {
      const values = new Map<string, Float32Array>();
      for (const { key, slot } of iterations > 0 ? named : []) values.set(key, await slot.data<"float32">());
      return { iterations, slots: values };
    },
    async restore(state) {
      const lacking = state.slots.size > 0 && named.find(({ key }) => !state.slots.has(key));
      if (lacking) {
        const { kind, name } = lacking;
        throw new RangeError(`${where}: state must have a ${kind} for each trained parameter, got none for ${name}`);
      }
      iterations = state.iterations;
      tidy(() => {
        for (const { key, slot } of named) {
          const value = state.slots.get(key);
          slot.assign(value === undefined ? zerosLike(slot) : tensor(value, slot.shape));
        }
      });
    },
    dispose() {
      for (const { slot } of named) slot.dispose();
    },
  };
}

/** The trainable parameters of a model, each once. Throws where there is none. */
function trainable(where: string, model: Module): Map<string, Variable> {
  const variables = new Map<string, Variable>();
  for (const [name, variable] of namedParameters(model)) {
    if (variable.trainable && ![...variables.values()].includes(variable)) variables.set(name, variable);
  }
  if (variables.size === 0) throw new RangeError(`${where}: model must have a trainable parameter, got none`);
  return variables;
}
