import { cast, floor, max, min, notEqual, stack, sub, sum, type Tensor } from "@tensorflow/tfjs-core";
import { type FusedKernel, type FusedOp, floats, fusedOp } from "./fusedOp.js";

/**
 * How much there is along the last axis: what firing rates and synaptic operations are made of.
 *
 * Input: `x`, `[..., C]`, not empty. Outputs: `sums`, `[...]`, `Σ_c x`; `nonZeros`, `[...]`, how many of the C values differ
 * from 0; and `range`, `[3]`: the least and the greatest value of x, and 1 where all are whole numbers, else 0. Where x holds
 * values that are not finite, the range is undefined, but for its last number: 0 where one is NaN.
 *
 * A backend that stores spikes as bits counts them there.
 */
export const activityKernel: FusedKernel<"x", object> = {
  name: "Activity",
  inputs: ["x"],
  composed({ x }) {
    const values = floats(x);
    const differs = (other: Tensor | number) => cast(notEqual(values, other), "float32");
    // NaN differs from itself.
    const whole = sub(1, max(differs(floor(values))));
    return [sum(values, -1), sum(differs(0), -1), stack([min(values), max(values), whole])];
  },
};

/** The operation of {@link activityKernel}. */
export const activity: FusedOp<typeof activityKernel> = fusedOp(activityKernel);
