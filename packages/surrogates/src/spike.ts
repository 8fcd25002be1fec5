/** @file Eq. 2's step and the slope that stands in for its derivative. */
import { withSlope } from "@sew/kernels";
import { cast, greaterEqual, type Tensor } from "@tensorflow/tfjs-core";

/** A surrogate slope σ'(u), element-wise: same shape in and out. */
export type Slope = (u: Tensor) => Tensor;

/** Optional alternative forms of a slope; see {@link spike}. */
export interface SlopeForms {
  /** σ(u), element-wise, whose derivative the slope is; {@link smooth} puts it in the place of Θ. @defaultValue none */
  readonly primitive?: (u: Tensor) => Tensor;
}

/**
 * A spike function: Θ(u) in the forward pass, a surrogate slope in the backward pass.
 *
 * Call it with u = H − V_th of any shape; the result has that shape and holds 0 and 1.
 */
export interface Spike extends SlopeForms {
  (u: Tensor): Tensor;
  /** The slope σ'(u) used in place of Θ'(u). */
  readonly slope: Slope;
}

/**
 * `S = Θ(u) = 1 if u ≥ 0 else 0`, with `∂S/∂u := slope(u)` in the backward pass.
 *
 * Θ(0) = 1, as in the code of the paper (`tf.step` has Θ(0) = 0). NaN does not fire.
 *
 * @param slope element-wise; same shape in and out
 * @param forms optional forms of the slope: its primitive, for {@link smooth}
 * @returns a spike function for tensors of any shape
 *
 * @example
 * const triangle = spike((u) => relu(sub(1, abs(u))));
 * triangle(tensor1d([-0.5, 0, 2])).arraySync(); // [0, 1, 1]
 * grad(triangle)(tensor1d([-0.5, 0, 2])).arraySync(); // [0.5, 1, 0]
 */
export function spike(slope: Slope, forms: SlopeForms = {}): Spike {
  const step = withSlope((u) => cast(greaterEqual(u, 0), "float32"), slope);
  return Object.assign(step, { slope, ...forms });
}

/**
 * The smooth mode of a spike function: `S = σ(u)` in place of Θ(u), with the same `∂S/∂u := σ'(u)`.
 *
 * A network of smooth neurons is differentiable, so finite differences of its output test the very gradient that training
 * uses. σ(0) = 1/2.
 *
 * @param spike a spike function that has a primitive, as all of this package have
 * @returns a function of tensors of any shape; the result has that shape and need not be 0 or 1
 * @throws TypeError when `spike` has no primitive
 *
 * @example
 * smooth(atan())(tensor1d([-1e9, 0, 1e9])).arraySync(); // [0, 0.5, 1]
 * grad(smooth(atan()))(tensor1d([0])).arraySync(); // [1]
 */
export function smooth({ slope, primitive }: Spike): Spike {
  if (primitive === undefined) {
    throw new TypeError(
      "smooth: spike must have a primitive, got one without; make it with spike(slope, { primitive }), where slope is the derivative of primitive",
    );
  }
  return Object.assign(withSlope(primitive, slope), { slope, primitive });
}
