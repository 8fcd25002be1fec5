import {
  abs,
  addN,
  div,
  max,
  maximum,
  minimum,
  mul,
  type NamedTensorMap,
  type Scalar,
  sqrt,
  square,
  stack,
  sum,
  tidy,
} from "@tensorflow/tfjs-core";

/** Below it a gradient is as good as 0; it keeps a quotient defined. */
const TINY = 1e-30;

/**
 * Shortens gradients that are too long together: `g ← g · min(1, clipNorm / ‖g‖)`, with ‖g‖ the L2 norm over all of them.
 *
 * The norm is computed relative to the largest value, so that gradients far beyond √(largest float32) are shortened too;
 * where one is infinite or NaN the result is NaN.
 *
 * R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
 *
 * @param gradients by name, at least one; they are not disposed
 * @param clipNorm the longest that they may be together, above 0
 * @returns new tensors under the same names
 * @throws RangeError when clipNorm is not a number above 0
 *
 * @example
 * const { w } = clipGradients({ w: tensor1d([3, 4]) }, 1);
 * w.arraySync(); // [0.6, 0.8]
 */
export function clipGradients(gradients: NamedTensorMap, clipNorm: number): NamedTensorMap {
  if (!(clipNorm > 0)) throw new RangeError(`clipGradients: clipNorm must be a number above 0, got ${clipNorm}`);
  return tidy(() => {
    const all = Object.entries(gradients);
    const largest = maximum(max(stack(all.map(([, g]) => max(abs(g))))), TINY);
    const squares = all.map(([, g]) => sum(square(div(g, largest))));
    const norm = mul(largest, sqrt(addN(squares))) as Scalar;
    const factor = minimum(1, div(clipNorm, maximum(norm, TINY)));
    return Object.fromEntries(all.map(([name, g]) => [name, mul(g, factor)]));
  });
}
