/** @file Eq. 2's step and the slope that stands in for its derivative. */
import { cast, customGrad, type GradSaveFunc, greaterEqual, mul, type Tensor } from "@tensorflow/tfjs-core";

/** A surrogate slope σ'(u), element-wise: same shape in and out. */
export type Slope = (u: Tensor) => Tensor;

/**
 * A slope in a form that a backend's fused kernel can evaluate without running tensor operations.
 *
 * `kind` names the formula, `alpha` is its one parameter (see the function of that name; `scaledAtan` has none and
 * ignores it).
 */
export interface FusedSlope {
  readonly kind:
    | "atan"
    | "sigmoid"
    | "rectangular"
    | "constant"
    | "scaledAtan"
    | "piecewiseQuadratic"
    | "piecewiseExponential"
    | "softSign"
    | "superSpike"
    | "erf";
  readonly alpha: number;
}

/** What else may be known of a slope; see {@link spike}. */
export interface SlopeForms {
  /** σ(u), element-wise, whose derivative the slope is: what {@link smooth} gives in place of Θ. */
  readonly primitive?: (u: Tensor) => Tensor;
  /** The same slope for fused kernels; absent when only the slope itself can evaluate it. */
  readonly fused?: FusedSlope;
}

/**
 * A spike function: Θ(u) on the way forward, a surrogate slope on the way back.
 *
 * Call it with u = H − V_th of any shape; the result has that shape and holds 0 and 1.
 */
export interface Spike extends SlopeForms {
  (u: Tensor): Tensor;
  /** The slope σ'(u) used in place of Θ'(u). */
  readonly slope: Slope;
}

/** `forward(u)`, with `slope(u)` as its derivative. */
function withSlope(forward: (u: Tensor) => Tensor, slope: Slope): (u: Tensor) => Tensor {
  const op = customGrad((...inputs) => {
    const [u, save] = inputs as [Tensor, GradSaveFunc];
    save([u]);
    return {
      value: forward(u),
      gradFunc: (dy: Tensor, saved: Tensor[]) => mul(dy, slope(saved[0]!)),
    };
  });
  return (u) => op(u);
}

/**
 * `S = Θ(u) = 1 if u ≥ 0 else 0`, with `∂S/∂u := slope(u)` in back-propagation.
 *
 * Θ(0) = 1, as in the code of the paper (`tf.step` has Θ(0) = 0). NaN does not fire.
 *
 * @param slope element-wise; same shape in and out
 * @param forms the slope's primitive, for {@link smooth}, and the same slope for fused kernels, when one of them knows it
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
 * uses. It is not fused. σ(0) = 1/2.
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
