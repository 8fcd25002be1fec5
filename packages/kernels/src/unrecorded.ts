import { engine } from "@tensorflow/tfjs-core";

/**
 * Runs operations that no backward pass will see, even while gradients are recorded: for measurements in a training step.
 *
 * The tape does not list them, and saves none of their tensors.
 *
 * @param f operations; no gradient passes through its result
 *
 * @example
 * grad((x) => add(x, unrecorded(() => square(x))))(tensor1d([3])).arraySync(); // [1]
 */
export function unrecorded<R>(f: () => R): R {
  const { state } = engine();
  // As inside a kernel, nothing is recorded.
  state.kernelDepth++;
  try {
    return f();
  } finally {
    state.kernelDepth--;
  }
}
