/** @file The optimiser: a model's variables, a transform of their gradients, and its state. */

import { shown } from "@sew/kernels";
import { lowerBoundsOf, type Module, namedParameters } from "@sew/layers";
import {
  maximum,
  mul,
  type NamedTensorMap,
  type Scalar,
  sub,
  Tensor,
  tensor,
  tidy,
  util,
  type Variable,
  variable,
  zerosLike,
} from "@tensorflow/tfjs-core";
import { leanGradients } from "./leanGradients.js";
import { flatten, isGlobal, type ParameterTransform, type ParameterUpdate, type Transform } from "./transform.js";

/** Updates a model's parameters: `w ← w − lr · transform(gradients)`. Its state can be taken out and put back. */
export interface Optimizer {
  /** Names of its transforms with their settings, in order. */
  readonly name: string;
  /** The trained parameters by their full names in the model. One that the model holds twice is here once. */
  readonly variables: ReadonlyMap<string, Variable>;
  /** The value of a loss and its gradients by full name; the caller disposes both. */
  gradients(loss: () => Scalar): { value: Scalar; gradients: NamedTensorMap };
  /**
   * Updates the parameters by gradients under their full names; a parameter without one stays as it is. One that goes below
   * its lower bound ends there.
   *
   * @throws RangeError when a gradient is of no parameter, or when a gradient or what a transform returns has another shape
   */
  apply(gradients: NamedTensorMap, learningRate: number): void;
  /** A copy of its state. */
  state(): Promise<OptimizerState>;
  /**
   * Puts back a state of an optimiser with the same transforms of the same model.
   *
   * @throws RangeError when a slot is missing or belongs to other transforms; nothing is then changed
   */
  restore(state: OptimizerState): void;
  /** Frees its state. */
  dispose(): void;
}

/** The state of an {@link Optimizer}. */
export interface OptimizerState {
  /** Updates made. */
  readonly step: number;
  /**
   * The transforms' state of each parameter, of its shape, under `<slot>/<full name>`, such as
   * `velocity/block0.a.conv.weight`. Empty before the first update.
   */
  readonly slots: ReadonlyMap<string, Float32Array>;
}

/**
 * Makes an optimiser: `w ← w − lr · transform(gradients)`.
 *
 * Where the last transform of a parameter is `momentum` or `adam`, a backend that has the kernel updates the parameter in
 * place, in one pass over memory.
 *
 * @param model whose trainable parameters it updates
 * @param transform maps gradients to updates, such as `momentum()` or `chain(clipByGlobalNorm(1), adam())`
 * @throws RangeError when the model has nothing to train, or two transforms of a chain have a slot of the same name
 *
 * @example
 * const model = linear(2, 3);
 * const trained = optimizer(model, chain(clipByGlobalNorm(1), momentum()));
 * const { value, gradients } = trained.gradients(() => sum(model.forward(ones([1, 1, 2]), evaluation)));
 * trained.apply(gradients, 0.1);
 * [...trained.variables.keys()]; // ["weight", "bias"]
 */
export function optimizer(model: Module, transform: Transform): Optimizer {
  const variables = trainable(model);
  const bounds = lowerBoundsOf(model);
  const transforms = flatten(transform);
  const names = transforms.map(({ name }) => name).join(", ");
  const bound = transforms.map((each) => (isGlobal(each) ? each : bind(each, variables)));
  const slots = bound.flatMap((each) => (isGlobal(each) ? [] : each.slots));
  const twice = slots.find(([key], i) => slots.findIndex(([other]) => other === key) < i);
  if (twice !== undefined) {
    for (const [, slot] of slots) slot.dispose();
    throw new RangeError(
      `optimizer: transforms of a chain must have slots of different names, got ${twice[0]} twice; rename one of them`,
    );
  }
  // Up to the last transform of all gradients, these pass through together; behind it, each parameter by itself.
  const together = bound.slice(0, bound.findLastIndex(isGlobal) + 1);
  const alone = bound.slice(together.length).filter((each): each is Bound => !isGlobal(each));
  let step = 0;

  return {
    name: names,
    variables,
    gradients(loss) {
      const { value, grads } = leanGradients(loss, [...variables.values()]);
      // tfjs has no entry for a variable that the loss does not depend on.
      const reached = [...variables].filter(([, { name: id }]) => id in grads);
      return { value, gradients: Object.fromEntries(reached.map(([name, { name: id }]) => [name, grads[id]!])) };
    },
    apply(gradients, learningRate) {
      const foreign = Object.keys(gradients).find((name) => !variables.has(name));
      if (foreign !== undefined) {
        throw new RangeError(`optimizer: gradients must be of its parameters, got one of ${shown(foreign)}`);
      }
      for (const [name, gradient] of Object.entries(gradients))
        checkShape("a gradient", gradient, name, variables.get(name)!);
      step++;
      tidy(() => {
        let updates = gradients;
        for (const each of together) {
          if (isGlobal(each)) {
            const changed = each.updateAll(updates);
            checkNames(`optimizer: ${each.name || "a transform"}`, changed, updates);
            for (const [name, update] of Object.entries(changed))
              checkShape(`the result of ${each.name || "a transform"}`, update, name, variables.get(name)!);
            updates = changed;
            continue;
          }
          const updated = Object.entries(updates).map(([name, gradient]) => {
            const parameter = { name, weight: variables.get(name)!, gradient, learningRate, step };
            return [name, tidy(() => each.update(parameter))] as const;
          });
          updates = Object.fromEntries(updated);
        }
        for (const [name, weight] of variables) {
          const gradient = updates[name];
          if (gradient === undefined) continue;
          const own = alone.filter(({ changes }) => changes(name));
          const last = own.pop();
          tidy(() => {
            const parameter = { name, weight, gradient, learningRate, step };
            for (const each of own) parameter.gradient = each.update(parameter);
            if (last !== undefined) last.apply(parameter);
            else weight.assign(sub(weight, mul(parameter.gradient, learningRate)));
            const bound = bounds.get(weight);
            if (bound !== undefined) weight.assign(maximum(weight, bound));
          });
        }
      });
    },
    async state() {
      const values = new Map<string, Float32Array>();
      for (const [key, slot] of step > 0 ? slots : []) values.set(key, await slot.data<"float32">());
      return { step, slots: values };
    },
    restore(state) {
      const keys = new Set(slots.map(([key]) => key));
      const missing = state.slots.size === 0 ? undefined : [...keys].find((key) => !state.slots.has(key));
      const foreign = [...state.slots.keys()].find((key) => !keys.has(key));
      if (missing !== undefined || foreign !== undefined) {
        throw new RangeError(
          `optimizer: state must have the slots of ${names}, got ${missing === undefined ? foreign : `no ${missing}`}; ` +
            "use the transforms that it was made with",
        );
      }
      step = state.step;
      tidy(() => {
        for (const [key, slot] of slots) {
          const value = state.slots.get(key);
          slot.assign(value === undefined ? zerosLike(slot) : tensor(value, slot.shape));
        }
      });
    },
    dispose() {
      for (const [, slot] of slots) slot.dispose();
    },
  };
}

/** A parameter transform with its state of a model's parameters. */
interface Bound {
  /** Its slots under `<slot>/<full name>`. */
  readonly slots: readonly (readonly [key: string, slot: Variable])[];
  /** Whether it transforms a parameter. */
  changes(name: string): boolean;
  /** The transformed gradient; moves the slots. */
  update(parameter: Omit<ParameterUpdate, "slots">): Tensor;
  /** Transforms the gradient and updates the weight by it; moves the slots. */
  apply(parameter: Omit<ParameterUpdate, "slots" | "weight"> & { readonly weight: Variable }): void;
}

function bind(transform: ParameterTransform, variables: ReadonlyMap<string, Variable>): Bound {
  const { name: own, slots: kinds = [], where = () => true } = transform;
  const changed = [...variables].filter(([name]) => where(name));
  const zeros = (w: Variable): Variable => tidy(() => variable(zerosLike(w), false));
  const state = new Map(
    changed.map(([name, w]) => [name, Object.fromEntries(kinds.map((kind) => [kind, zeros(w)] as const))]),
  );
  const move = (own: Record<string, Variable>, values: readonly Tensor[]): void => {
    for (const [i, kind] of kinds.entries()) own[kind]!.assign(values[i]!);
  };
  const updated = (parameter: ParameterUpdate): readonly Tensor[] => {
    const results = transform.update(parameter);
    if (results.length !== 1 + kinds.length) {
      throw new RangeError(
        `optimizer: ${own} must return the gradient and ${kinds.length} slots, got ${results.length} tensors`,
      );
    }
    for (const result of results) checkShape(`the result of ${own}`, result, parameter.name, parameter.weight);
    return results;
  };
  return {
    slots: kinds.flatMap((kind) => [...state].map(([name, own]) => [`${kind}/${name}`, own[kind]!] as const)),
    changes: (name) => state.has(name),
    update(parameter) {
      const slots = state.get(parameter.name);
      if (slots === undefined) return parameter.gradient;
      // 0 − (−1 · update) is the update: the kernel serves in the middle of a chain, too.
      const fused = transform.fused?.({ ...parameter, slots, weight: zerosLike(parameter.weight), learningRate: -1 });
      const [update, ...values] = fused ?? updated({ ...parameter, slots });
      move(slots, values);
      return update!;
    },
    apply(parameter) {
      const { weight, learningRate } = parameter;
      const slots = state.get(parameter.name)!;
      const fused = transform.fused?.({ ...parameter, slots });
      const [result, ...values] = fused ?? updated({ ...parameter, slots });
      weight.assign(fused === undefined ? sub(weight, mul(result!, learningRate)) : result!);
      move(slots, values);
    },
  };
}

/** Throws unless `got` has the names of `expected`; `caller` opens the message. */
export function checkNames(caller: string, got: NamedTensorMap, expected: NamedTensorMap): void {
  const missing = Object.keys(expected).find((name) => !(name in got));
  const foreign = Object.keys(got).find((name) => !(name in expected));
  if (missing === undefined && foreign === undefined) return;
  throw new RangeError(
    `${caller} must return the gradients under the names that it receives, got ` +
      (missing === undefined ? shown(foreign) : `none of ${shown(missing)}`),
  );
}

/** Throws unless a gradient has the shape of its parameter. */
function checkShape(what: string, gradient: unknown, name: string, { shape }: Tensor): void {
  if (gradient instanceof Tensor && util.arraysEqual(gradient.shape, shape)) return;
  const got = gradient instanceof Tensor ? `[${gradient.shape}]` : shown(gradient);
  throw new RangeError(`optimizer: ${what} must have the shape [${shape}] of ${name}, got ${got}`);
}

/** The trainable parameters of a model, each once. Throws where there is none. */
function trainable(model: Module): Map<string, Variable> {
  const variables = new Map<string, Variable>();
  for (const [name, variable] of namedParameters(model)) {
    if (variable.trainable && ![...variables.values()].includes(variable)) variables.set(name, variable);
  }
  if (variables.size === 0) throw new RangeError("optimizer: model must have a trainable parameter, got none");
  return variables;
}
