import { cast, floor, max, mean, min, notEqual, stack, sub, sum, type Tensor } from "@tensorflow/tfjs-core";
import { type FusedKernel, type FusedOp, floats, fusedOp } from "./fusedOp.js";

/**
 * How much a sequence holds, where, and what: firing rates and synaptic operations are made of it.
 *
 * Input: `x`, `[T, N, ..., C]`, not empty. Outputs: the sums of each sample and time-step, `[T, N]`; those of each position over
 * time, samples and channels, `[...]`; and `[4]`, the least and the greatest value of x, 1 where all are whole numbers and 0
 * elsewhere, and the part of them that is not 0. Where a value is NaN, the first two of these are undefined, and the third is 0.
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
    const rows = sum(values, -1);
    const inner = rows.shape.map((_, axis) => axis).slice(2);
    return [sum(rows, inner), sum(rows, [0, 1]), stack([min(values), max(values), whole, mean(differs(0))])];
  },
};

/** The operation of {@link activityKernel}. */
export const activity: FusedOp<typeof activityKernel> = fusedOp(activityKernel);
