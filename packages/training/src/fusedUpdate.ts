import { type FusedKernel, hasKernel, type Inputs, runKernel } from "@sew/kernels";
import type { Tensor } from "@tensorflow/tfjs-core";

/**
 * The update of one parameter in one pass over memory, by a kernel of the current backend; `undefined` where the backend has
 * none. The caller gives weight and slots up: the kernel may write their new values over the old ones.
 */
export function fusedUpdate<I extends string, A extends object>(
  kernel: FusedKernel<I, A>,
  inputs: Inputs<I>,
  attrs: A,
): Tensor[] | undefined {
  return hasKernel(kernel, attrs) ? runKernel(kernel.name, inputs, attrs) : undefined;
}
