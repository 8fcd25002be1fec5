import { add, mul } from "@tensorflow/tfjs-core";
import type { ParameterTransform } from "./transform.js";

/** Options of {@link weightDecay}. */
export interface WeightDecayOptions {
  /**
   * The parameters that decay, by full name, such as `(name) => !/norm|bias$/.test(name)`. @defaultValue all
   */
  readonly where?: (parameter: string) => boolean;
}

/**
 * Weight decay: `g + λ·w`. In a chain before `momentum` it is L2 regularisation, as in PyTorch's SGD; behind `adam` it is
 * the decoupled decay of AdamW.
 *
 * I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
 *
 * @param decay λ, 0 or more
 * @throws RangeError when decay is not a finite number of at least 0
 *
 * @example
 * const { update } = weightDecay(0.5);
 * const parameter = { name: "w", weight: scalar(4), gradient: scalar(1), slots: {}, learningRate: 0.1, step: 1 };
 * update(parameter)[0].arraySync(); // 3
 */
export function weightDecay(decay: number, { where = () => true }: WeightDecayOptions = {}): ParameterTransform {
  if (!(Number.isFinite(decay) && decay >= 0)) {
    throw new RangeError(`weightDecay: decay must be a finite number of at least 0, got ${decay}`);
  }
  return {
    name: `weightDecay(${decay})`,
    where: (name) => decay > 0 && where(name),
    update: ({ weight, gradient }) => [add(gradient, mul(weight, decay))],
  };
}
