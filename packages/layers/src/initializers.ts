/** @file Where the weights of convolutions and linear layers start. */
import { type Tensor, tensor } from "@tensorflow/tfjs-core";
import { type Random, uniform } from "./random.js";

/** Draws the initial weights of a layer: `[kernel, kernel, in, out]` of a convolution, `[in, out]` of a linear layer. */
export type Initializer = (shape: readonly number[], random: Random) => Tensor;

const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);

/**
 * Uniform in ±1/√fan_in, with fan_in = kernel²·in: what layers start from unless told.
 *
 * @example
 * max(abs(fanInUniform([1, 1, 4, 8], seeded(0)))).arraySync() <= 0.5; // true
 */
export const fanInUniform: Initializer = (shape, random) =>
  uniform(shape, 1 / Math.sqrt(product(shape.slice(0, -1))), random);

/**
 * Normal with mean 0 and variance 2/fan_out, with fan_out = kernel²·out: what the ResNets of the paper start from.
 *
 * K. He et al., "Delving Deep into Rectifiers", ICCV 2015, section 2.2 (backward propagation).
 *
 * @example
 * kaimingNormal([3, 3, 2, 8], seeded(0)).shape; // [3, 3, 2, 8]
 */
export const kaimingNormal: Initializer = (shape, random) => {
  const deviation = Math.sqrt(2 / (product(shape) / shape.at(-2)!));
  const values = new Float32Array(product(shape));
  // Box-Muller: two numbers from each pair of draws. 1 − random() is never 0.
  for (let i = 0; i < values.length; i += 2) {
    const [radius, angle] = [deviation * Math.sqrt(-2 * Math.log(1 - random())), 2 * Math.PI * random()];
    values[i] = radius * Math.cos(angle);
    // A write past an odd length is ignored.
    values[i + 1] = radius * Math.sin(angle);
  }
  return tensor(values, [...shape]);
};
