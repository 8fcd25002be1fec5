/** @file What an optimiser is to the loop and to checkpoints. */
import { type Module, namedParameters } from "@sew/layers";
import type { NamedTensorMap, Variable } from "@tensorflow/tfjs-core";

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

/** The trainable parameters of a model, each once. Throws where there is none. */
export function trainable(where: string, model: Module): Map<string, Variable> {
  const variables = new Map<string, Variable>();
  for (const [name, variable] of namedParameters(model)) {
    if (variable.trainable && ![...variables.values()].includes(variable)) variables.set(name, variable);
  }
  if (variables.size === 0) throw new RangeError(`${where}: model must have a trainable parameter, got none`);
  return variables;
}

/** Throws unless a state that has slots has one of each kind for each variable. */
export function checkSlots(
  where: string,
  kinds: readonly string[],
  variables: ReadonlyMap<string, Variable>,
  { slots }: OptimizerState,
): void {
  if (slots.size === 0) return;
  for (const kind of kinds) {
    const missing = [...variables.keys()].find((name) => !slots.has(`${kind}/${name}`));
    if (missing !== undefined) {
      throw new RangeError(`${where}: state must have a ${kind} for each trained parameter, got none for ${missing}`);
    }
  }
}
