import { add, div, mul, sqrt, square as squareOf, sub } from "@tensorflow/tfjs-core";
import { type FusedKernel, type FusedOp, fusedOp } from "./fusedOp.js";

/** Attributes of {@link applyAdamKernel}. */
export interface ApplyAdamAttrs {
  /** The learning rate. */
  readonly rate: number;
  /** β₁, from 0 to below 1. */
  readonly beta1: number;
  /** β₂, from 0 to below 1. */
  readonly beta2: number;
  /** ε, above 0. */
  readonly epsilon: number;
  /** t: the number of this update, from 1 on. */
  readonly step: number;
}

/**
 * A step of Adam: `m ← β₁·m + (1 − β₁)·g`, `v ← β₂·v + (1 − β₂)·g²`, `w ← w − rate · m̂ / (√v̂ + ε)` with
 * `m̂ = m / (1 − β₁ᵗ)` and `v̂ = v / (1 − β₂ᵗ)`.
 *
 * Inputs: `weight` w, `mean` m, `square` v and `gradient` g, of one shape. Outputs: the new weight, mean and square. The
 * caller gives the old ones up: a kernel may write over them.
 *
 * D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015.
 */
export const applyAdamKernel: FusedKernel<"weight" | "mean" | "square" | "gradient", ApplyAdamAttrs> = {
  name: "ApplyAdam",
  inputs: ["weight", "mean", "square", "gradient"],
  composed({ weight, mean, square, gradient }, { rate, beta1, beta2, epsilon, step }) {
    const m = add(mul(mean, beta1), mul(gradient, 1 - beta1));
    const v = add(mul(square, beta2), mul(squareOf(gradient), 1 - beta2));
    const direction = div(div(m, 1 - beta1 ** step), add(sqrt(div(v, 1 - beta2 ** step)), epsilon));
    return [sub(weight, mul(direction, rate)), m, v];
  },
};

/** The operation of {@link applyAdamKernel}. */
export const applyAdam: FusedOp<typeof applyAdamKernel> = fusedOp(applyAdamKernel);
