/** @file Gradient transforms: what happens to a gradient on its way to the weights. */
import type { NamedTensorMap, Tensor } from "@tensorflow/tfjs-core";

/** One parameter at an update. */
export interface ParameterUpdate {
  /** Full name of the parameter, such as `block0.a.conv.weight`. */
  readonly name: string;
  /** Its current value. */
  readonly weight: Tensor;
  /** Its gradient, as the transforms before made it; of the shape of `weight`. */
  readonly gradient: Tensor;
  /** The transform's state of this parameter by slot, each of the shape of `weight`. */
  readonly slots: Readonly<Record<string, Tensor>>;
  readonly learningRate: number;
  /** Number of this update, from 1. */
  readonly step: number;
}

/**
 * A transform of each parameter's gradient by itself. Pure: it disposes nothing and changes nothing.
 *
 * @example
 * // Only the direction counts.
 * const signDescent: ParameterTransform = { name: "sign", update: ({ gradient }) => [sign(gradient)] };
 * const model = linear(1, 1);
 * const { apply, gradients } = optimizer(model, signDescent);
 * const [before] = model.parameters.bias.arraySync();
 * apply(gradients(() => mul(5, sum(model.forward(ones([1, 1, 1]), evaluation)))).gradients, 0.25);
 * before - model.parameters.bias.arraySync()[0]; // 0.25
 */
export interface ParameterTransform {
  /** Name with its settings, such as `momentum(0.9)`: a run resumes with transforms of the same names alone. */
  readonly name: string;
  /** Names of its state of each parameter, such as `velocity`; zeros at first. @defaultValue none */
  readonly slots?: readonly string[];
  /** The parameters that it transforms, by full name; the others pass through. @defaultValue all */
  readonly where?: (parameter: string) => boolean;
  /** The transformed gradient, then the new slots in the order of `slots`. */
  update(parameter: ParameterUpdate): readonly Tensor[];
  /**
   * The same update and its application in one kernel, where the backend has one: `weight − learningRate · update`, then the
   * new slots, bit for bit those of the composed operations. It may write over weight and slots.
   * @internal
   */
  fused?(parameter: ParameterUpdate): readonly Tensor[] | undefined;
}

/**
 * A transform of all gradients together, by full name, such as a clip by their norm. Pure: it disposes nothing.
 *
 * @example
 * const half: GlobalTransform = {
 *   name: "half",
 *   updateAll: (gradients) => Object.fromEntries(Object.entries(gradients).map(([name, g]) => [name, mul(g, 0.5)])),
 * };
 * half.updateAll({ w: scalar(3) }).w.arraySync(); // 1.5
 */
export interface GlobalTransform {
  /** Name with its settings; see {@link ParameterTransform}. */
  readonly name: string;
  /** The transformed gradients, under the same names. */
  updateAll(gradients: NamedTensorMap): NamedTensorMap;
}

/** What maps gradients to updates: one transform, a function of all gradients, or a {@link chain}. */
export type Transform =
  | ParameterTransform
  | GlobalTransform
  | ((gradients: NamedTensorMap) => NamedTensorMap)
  | readonly Transform[];

/**
 * Transforms one after another: `chain(a, b)` is b of a of the gradients. The result is subtracted from the weights, times
 * the learning rate.
 *
 * @example
 * const transform = chain(
 *   clipByGlobalNorm(1),
 *   weightDecay(1e-4, { where: (name) => !name.includes("norm") }),
 *   momentum({ momentum: 0.9 }),
 * );
 * const trained = optimizer(linear(2, 3), transform);
 * trained.name; // "clipByGlobalNorm(1), weightDecay(0.0001), momentum(0.9)"
 */
export function chain(...transforms: readonly Transform[]): readonly Transform[] {
  return transforms;
}

/** The transforms of a chain in their order. */
export function flatten(transform: Transform): (ParameterTransform | GlobalTransform)[] {
  if (typeof transform === "function") return [{ name: transform.name, updateAll: transform }];
  return isChain(transform) ? transform.flatMap(flatten) : [transform];
}

/** Whether a transform sees all gradients together. */
export function isGlobal(transform: object): transform is GlobalTransform {
  return "updateAll" in transform;
}

function isChain(transform: Transform): transform is readonly Transform[] {
  return Array.isArray(transform);
}
