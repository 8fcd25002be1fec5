import { add, matMul, reshape, type Tensor2D } from "@tensorflow/tfjs-core";
import { checkInteger } from "./check.js";
import type { Module } from "./module.js";
import { owned } from "./owned.js";
import { type Random, seeded, uniform } from "./random.js";

/** Options of {@link linear}. */
export interface LinearOptions {
  /** Whether to add a bias. */
  readonly bias?: boolean;
  /** Source of the initial weights. */
  readonly random?: Random;
}

/**
 * `y = x · weight + bias` at every time-step: `[T, N, inFeatures] → [T, N, outFeatures]`.
 *
 * Parameters: `weight` `[inFeatures, outFeatures]` and `bias` `[outFeatures]`, at the start uniform in ±1/√inFeatures.
 *
 * @throws RangeError when a size is not a positive integer, and, when called, when x is no such sequence
 *
 * @example
 * linear(128, 10).forward(zeros([4, 2, 128]), evaluation).shape; // [4, 2, 10]
 */
export function linear(inFeatures: number, outFeatures: number, options: LinearOptions = {}): Module {
  const { bias: withBias = true, random = seeded(0) } = options;
  checkInteger("linear", "inFeatures", inFeatures, 1);
  checkInteger("linear", "outFeatures", outFeatures, 1);
  const bound = 1 / Math.sqrt(inFeatures);
  const weight = owned(uniform([inFeatures, outFeatures], bound, random));
  const bias = withBias ? owned(uniform([outFeatures], bound, random)) : undefined;
  return {
    parameters: bias === undefined ? { weight } : { weight, bias },
    forward(x) {
      const [steps, batch, features] = x.shape as [number, number, number];
      if (x.rank !== 3 || features !== inFeatures) {
        const remedy = x.rank === 5 ? "; put flatten() before it" : "";
        throw new RangeError(`linear: x must be [T, N, ${inFeatures}], got [${x.shape}]${remedy}`);
      }
      const y = matMul(reshape(x, [steps * batch, features]), weight as unknown as Tensor2D);
      return reshape(bias === undefined ? y : add(y, bias), [steps, batch, outFeatures]);
    },
  };
}
