/** @file Initial weights of convolutions and linear layers. */
import type { Random } from "@sew/random";
import { type Tensor, tensor } from "@tensorflow/tfjs-core";
import { checkShape } from "./check.js";

/** Draws the initial weights of a layer: `[kernel, kernel, in, out]` of a convolution, `[in, out]` of a linear layer. */
export type Initializer = (shape: readonly number[], random: Random) => Tensor;

const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);

/** A tensor of numbers that are drawn one after the other. */
function drawn(shape: readonly number[], draw: () => number): Tensor {
  // Float32Array.from({ length }, draw) looks each number up in its argument first, which takes half as long as to draw it.
  return tensor(new Float32Array(product(shape)).map(draw), [...shape]);
}

/** A tensor of numbers uniform in [−bound, bound). */
export function uniform(shape: readonly number[], bound: number, random: Random): Tensor {
  return drawn(shape, () => random.uniform(-bound, bound));
}

/**
 * Uniform in ±1/√fan_in, with fan_in = kernel²·in: the default of convolutions and linear layers.
 *
 * @example
 * max(abs(fanInUniform([1, 1, 4, 8], random(0)))).arraySync() <= 0.5; // true
 */
export const fanInUniform: Initializer = (shape, random) => {
  checkShape("fanInUniform", shape);
  return uniform(shape, 1 / Math.sqrt(product(shape.slice(0, -1))), random);
};

/**
 * Normal with mean 0 and variance 2/fan_out, with fan_out = kernel²·out: the initial weights of the paper's ResNets.
 *
 * K. He et al., "Delving Deep into Rectifiers", ICCV 2015, section 2.2 (backward propagation).
 *
 * @example
 * kaimingNormal([3, 3, 2, 8], random(0)).shape; // [3, 3, 2, 8]
 */
export const kaimingNormal: Initializer = (shape, random) => {
  checkShape("kaimingNormal", shape);
  const deviation = Math.sqrt(2 / (product(shape) / shape.at(-2)!));
  return drawn(shape, () => deviation * random.normal());
};
