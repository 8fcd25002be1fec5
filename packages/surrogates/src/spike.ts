/** @file Eq. 2's step and the slope that stands in for its derivative. */
import { cast, customGrad, type GradSaveFunc, greaterEqual, mul, type Tensor } from "@tensorflow/tfjs-core";

/** A surrogate slope σ'(u), element-wise: same shape in and out. */
export type Slope = (u: Tensor) => Tensor;

/**
 * A slope in a form that a backend's fused kernel can evaluate without running tensor operations.
 *
 * `kind` names the formula, `alpha` is its one parameter (see the function of that name).
 */
export interface FusedSlope {
  readonly kind: "atan" | "sigmoid" | "rectangular" | "constant";
  readonly alpha: number;
}

/**
 * A spike function: Θ(u) on the way forward, a surrogate slope on the way back.
 *
 * Call it with u = H − V_th of any shape; the result has that shape and holds 0 and 1.
 */
export interface Spike {
  (u: Tensor): Tensor;
  /** The slope σ'(u) used in place of Θ'(u). */
  readonly slope: Slope;
  /** The same slope for fused kernels; absent when only {@link Spike.slope} can evaluate it. */
  readonly fused?: FusedSlope;
}

/**
 * `S = Θ(u) = 1 if u ≥ 0 else 0`, with `∂S/∂u := slope(u)` in back-propagation.
 *
 * Θ(0) = 1, as in the code of the paper (`tf.step` has Θ(0) = 0). NaN does not fire.
 *
 * @param slope element-wise; same shape in and out
 * @param fused the same slope for fused kernels, when one of them knows it
 * @returns a spike function for tensors of any shape
 *
 * @example
 * const triangle = spike((u) => relu(sub(1, abs(u))));
 * triangle(tensor1d([-0.5, 0, 2])).arraySync(); // [0, 1, 1]
 * grad(triangle)(tensor1d([-0.5, 0, 2])).arraySync(); // [0.5, 1, 0]
 */
export function spike(slope: Slope, fused?: FusedSlope): Spike {
  const step = customGrad((...inputs) => {
    const [u, save] = inputs as [Tensor, GradSaveFunc];
    save([u]);
    return {
      value: cast(greaterEqual(u, 0), "float32"),
      gradFunc: (dy: Tensor, saved: Tensor[]) => mul(dy, slope(saved[0]!)),
    };
  });
  return Object.assign((u: Tensor) => step(u), fused === undefined ? { slope } : { slope, fused });
}
