import { concat } from "@tensorflow/tfjs-core";
import { checkInteger } from "./check.js";
import type { Module } from "./module.js";

/**
 * A module that sees a still input at every time-step: `[1, N, ...] → module([steps, N, ...])`, as networks of spiking neurons
 * see images.
 *
 * Its parameters, buffers and children are the module's own, under the same names.
 *
 * @param steps T, 1 or more
 * @throws RangeError when `steps` is not a positive integer, and, when called, when x has more than one time-step
 *
 * @example
 * const net = overTime(flatten(), 4);
 * net.forward(ones([1, 2, 3, 3, 1]), evaluation).shape; // [4, 2, 9]
 */
export function overTime<M extends Module>(module: M, steps: number): M {
  checkInteger("overTime", "steps", steps, 1);
  return {
    ...module,
    forward(x, context) {
      if (x.shape[0] !== 1) throw new RangeError(`overTime: x must have 1 time-step, got [${x.shape}]`);
      const still = steps === 1 ? x : concat(Array.from({ length: steps }, () => x));
      return module.forward(still, context);
    },
  };
}
