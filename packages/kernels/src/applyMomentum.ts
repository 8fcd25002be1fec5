import { add, mul, sub } from "@tensorflow/tfjs-core";
import { type FusedKernel, type FusedOp, fusedOp } from "./fusedOp.js";

/** Attributes of {@link applyMomentumKernel}. */
export interface ApplyMomentumAttrs {
  /** The learning rate. */
  readonly rate: number;
  /** μ, from 0 to below 1. */
  readonly momentum: number;
}

/**
 * A step of gradient descent with momentum: `u ← μ·u + g`, `w ← w − rate·u`.
 *
 * Inputs: `weight` w, `velocity` u and `gradient` g, of one shape. Outputs: the new weight and velocity. The caller gives
 * the old ones up: a kernel may write over them.
 */
export const applyMomentumKernel: FusedKernel<"weight" | "velocity" | "gradient", ApplyMomentumAttrs> = {
  name: "ApplyMomentum",
  inputs: ["weight", "velocity", "gradient"],
  composed({ weight, velocity, gradient }, { rate, momentum }) {
    const u = add(mul(velocity, momentum), gradient);
    return [sub(weight, mul(u, rate)), u];
  },
};

/** The operation of {@link applyMomentumKernel}. */
export const applyMomentum: FusedOp<typeof applyMomentumKernel> = fusedOp(applyMomentumKernel);
