import { add, atan as arctan, div, mul, square, type Tensor } from "@tensorflow/tfjs-core";
import { type Spike, spike } from "./spike.js";

/**
 * Scaled ArcTan: `σ'(u) = (1 + π²/4) / (1 + (πu)²)`, the derivative of `σ(u) = (1 + π²/4) · arctan(πu)/π + 1/2`.
 *
 * σ'(±1/2) = 1: at V_th = 1/2 both a spike of height 1 and none get the slope 1, Θ'(1 − V_th) = Θ'(0 − V_th) = 1. σ runs
 * from −1.23 to 2.23 and so leaves [0, 1].
 *
 * W. Fang et al., "Deep Residual Learning in Spiking Neural Networks", NeurIPS 2021, Appendix A.5. The paper prints
 * `1 + x²/2` above the line, a slip: with it σ'(±1/2) is not the 1 that the text asks for.
 *
 * @example
 * grad(scaledAtan())(tensor1d([-0.5, 0.5])).arraySync(); // [1, 1]
 */
export function scaledAtan(): Spike {
  const top = 1 + Math.PI ** 2 / 4;
  const z = (u: Tensor) => mul(Math.PI, u);
  return spike((u) => div(top, add(1, square(z(u)))), {
    primitive: (u) => add(mul(top / Math.PI, arctan(z(u))), 0.5),
  });
}
