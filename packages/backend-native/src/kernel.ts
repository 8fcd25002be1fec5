/** @file What all kernels of this backend share. */
import { getKernel, type KernelConfig, type KernelFunc, type TensorInfo } from "@tensorflow/tfjs-core";
import { runNative } from "./addon.js";
import type { NativeBackend } from "./backend.js";
import { NATIVE } from "./backend.js";

/** The function of a kernel whose arguments have the types that this kernel knows. */
export type Run<I, A> = (inputs: I, attrs: A, backend: NativeBackend) => TensorInfo | TensorInfo[];

/**
 * A kernel of this backend for float32 tensors. Where another type comes, or `supports` says no, TensorFlow.js's own
 * CPU kernel of that name runs, when there is one.
 */
export function floatKernel<I, A>(
  kernelName: string,
  run: Run<I, A>,
  supports: (inputs: I, attrs: A) => boolean = () => true,
): KernelConfig {
  const kernelFunc: KernelFunc = (args) => {
    const inputs = args.inputs as I;
    const attrs = (args.attrs ?? {}) as A;
    const tensors = Object.values(args.inputs).flat() as TensorInfo[];
    if (tensors.every(({ dtype }) => dtype === "float32") && supports(inputs, attrs)) {
      return run(inputs, attrs, args.backend as NativeBackend);
    }
    const fallback = getKernel(kernelName, "cpu");
    if (fallback === undefined) {
      const types = tensors.map(({ dtype, shape }) => `${dtype} [${shape}]`).join(", ");
      throw new TypeError(`${kernelName}: inputs must be float32 tensors, got ${types}`);
    }
    return fallback.kernelFunc(args);
  };
  return { kernelName, backendName: NATIVE, kernelFunc };
}

/** How many numbers a shape holds. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/**
 * Runs a kernel that makes new values of `old` ones by what is given besides, number by number, and writes them over the
 * old ones where nobody else holds these. Its numbers begin with the size, its arrays are the old ones, those given, and
 * the new ones.
 */
export function updateOver(
  kernel: string,
  numbers: readonly number[],
  old: readonly TensorInfo[],
  given: readonly TensorInfo[],
  backend: NativeBackend,
): TensorInfo[] {
  const inputs = [...old, ...given].map((t) => backend.floats(t));
  const outputs = old.map((t) => backend.outputOver(t));
  runNative(kernel, [sizeOf(old[0]!.shape), ...numbers], ...inputs, ...outputs.map(([, values]) => values));
  return outputs.map(([info]) => info);
}
