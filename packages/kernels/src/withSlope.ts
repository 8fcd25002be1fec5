import { customGrad, type GradSaveFunc, mul, type Tensor } from "@tensorflow/tfjs-core";
import { isTracing, tracedSlope } from "./program/trace.js";

/**
 * A function with a derivative of one's own: `forward(u)` in the forward pass, `dy · slope(u)` in the backward pass.
 *
 * Unlike tfjs's `customGrad` it can be traced, when forward and slope can.
 *
 * @param forward element-wise; same shape in and out
 * @param slope element-wise; same shape in and out
 *
 * @example
 * const rounded = withSlope(round, onesLike);
 * rounded(tensor1d([0.75])).arraySync(); // [1]
 * grad(rounded)(tensor1d([0.75])).arraySync(); // [1]
 */
export function withSlope(forward: (u: Tensor) => Tensor, slope: (u: Tensor) => Tensor): (u: Tensor) => Tensor {
  const op = customGrad((...inputs) => {
    const [u, save] = inputs as [Tensor, GradSaveFunc];
    save([u]);
    return {
      value: forward(u),
      gradFunc: (dy: Tensor, saved: Tensor[]) => mul(dy, slope(saved[0]!)),
    };
  });
  return (u) => (isTracing() ? tracedSlope(u, forward, slope) : op(u));
}
