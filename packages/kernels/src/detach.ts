import { clone, type Tensor } from "@tensorflow/tfjs-core";
import { isTracing, tracedDetach } from "./program/trace.js";
import { unrecorded } from "./unrecorded.js";

/**
 * The same values, cut from the gradient: no gradient passes, not even 0, so that what computed x needs no derivative.
 *
 * @example
 * grad((x) => add(x, detach(x)))(tensor1d([3])).arraySync(); // [1]
 */
export function detach(x: Tensor): Tensor {
  return isTracing() ? tracedDetach(x) : unrecorded(() => clone(x));
}
