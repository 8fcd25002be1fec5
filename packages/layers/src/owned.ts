import { type Tensor, type Variable, variable } from "@tensorflow/tfjs-core";

/** A variable that starts from `initial` and takes its place: `variable` alone would leave that tensor in memory for good. */
export function owned(initial: Tensor, trainable = true): Variable {
  const made = variable(initial, trainable);
  initial.dispose();
  return made;
}
