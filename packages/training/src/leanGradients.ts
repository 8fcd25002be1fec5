import { freeAfterUse } from "@sew/layers";
import { type NamedTensorMap, type Scalar, type Variable, variableGrads } from "@tensorflow/tfjs-core";

/**
 * The value and the gradients of `f`, as `variableGrads(f, variables)`, with less memory in the backward pass.
 *
 * tfjs keeps every saved activation and every intermediate gradient until the whole backward pass is over. Here each
 * is freed as soon as the pass has moved past the op it belongs to; see `freeAfterUse` of `@sew/layers`. The values are the
 * same bit for bit.
 *
 * @param f returns a scalar
 * @param variables what to differentiate by
 * @returns the scalar, and the gradients by the variables' names; both are the caller's to dispose
 *
 * @example
 * const w = variable(scalar(3));
 * const { value, grads } = leanGradients(() => square(w), [w]);
 * value.arraySync(); // 9
 * grads[w.name].arraySync(); // 6
 */
export function leanGradients(
  f: () => Scalar,
  variables: readonly Variable[],
): { value: Scalar; grads: NamedTensorMap } {
  return variableGrads(freeAfterUse(f), [...variables]);
}
