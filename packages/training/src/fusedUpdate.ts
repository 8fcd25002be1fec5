import { type FusedKernel, hasKernel, runKernel } from "@sew/kernels";
import type { Tensor } from "@tensorflow/tfjs-core";

/**
 * Updates one variable by a fused kernel, in one pass over memory; undefined where the current backend does not have it.
 * The caller gives weight and slots up: the kernel may write their new values over the old ones.
 */
export function fusedUpdate<I extends string, A extends object>(
  kernel: FusedKernel<I, A>,
  inputs: Readonly<Record<I, Tensor>>,
  attrs: A,
): Tensor[] | undefined {
  return hasKernel(kernel, attrs) ? runKernel(kernel.name, inputs, attrs) : undefined;
}
