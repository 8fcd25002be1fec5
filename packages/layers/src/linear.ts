import type { Random } from "@sew/random";
import { add, matMul, reshape, type Tensor2D, type Variable } from "@tensorflow/tfjs-core";
import { checkInteger, checkShape } from "./check.js";
import type { ConvGeometry } from "./conv2d.js";
import { uniform } from "./initializers.js";
import type { Module } from "./module.js";
import { nextRandom } from "./seeded.js";
import { variableFrom } from "./variableFrom.js";

/** Options of {@link linear}. */
export interface LinearOptions<Bias extends boolean = boolean> {
  /** Whether to add a bias. @defaultValue true */
  readonly bias?: Bias;
  /** Random numbers of the initial weights. @defaultValue a stream of its own; see {@link seeded} */
  readonly random?: Random;
}

/** A linear layer: a convolution of 1 x 1 on one pixel. */
export interface Linear<Bias extends boolean = true> extends Module {
  readonly geometry: ConvGeometry;
  readonly parameters: WeightAndBias<Bias>;
}

/** The parameters of a layer with a weight and, where it was asked for, a bias. */
export type WeightAndBias<Bias extends boolean> = Readonly<
  Record<"weight" | (Bias extends true ? "bias" : never), Variable>
>;

/**
 * `y = x · weight + bias` at every time-step: `[T, N, inFeatures] → [T, N, outFeatures]`.
 *
 * Parameters: `weight` `[inFeatures, outFeatures]` and `bias` `[outFeatures]`, at the start uniform in ±1/√inFeatures.
 *
 * @throws RangeError when a size is not a positive integer, and, when called, when x is no such sequence
 *
 * @example
 * const layer = linear(128, 10);
 * layer.forward(zeros([4, 2, 128]), evaluation).shape; // [4, 2, 10]
 * layer.parameters.bias.shape; // [10]
 */
export function linear<Bias extends boolean = true>(
  inFeatures: number,
  outFeatures: number,
  options: LinearOptions<Bias> = {},
): Linear<Bias> {
  const { bias: withBias = true, random: rng = nextRandom() } = options;
  checkInteger("linear", "inFeatures", inFeatures, 1);
  checkInteger("linear", "outFeatures", outFeatures, 1);
  checkShape("linear", [inFeatures, outFeatures]);
  const bound = 1 / Math.sqrt(inFeatures);
  const weight = variableFrom(uniform([inFeatures, outFeatures], bound, rng));
  const bias = withBias ? variableFrom(uniform([outFeatures], bound, rng)) : undefined;
  return {
    geometry: { kernel: 1, stride: 1, padding: 0, dilation: 1, groups: 1 },
    parameters: (bias === undefined ? { weight } : { weight, bias }) as WeightAndBias<Bias>,
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
