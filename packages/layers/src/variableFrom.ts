import { type Tensor, type Variable, variable } from "@tensorflow/tfjs-core";

/** A variable that starts from `initial`, which it disposes: `variable` alone would leave that tensor in memory. */
export function variableFrom(initial: Tensor, trainable = true): Variable {
  const result = variable(initial, trainable);
  initial.dispose();
  return result;
}
