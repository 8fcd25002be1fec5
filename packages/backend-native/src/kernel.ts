/** @file What all kernels of this backend share. */
import type { SequenceKernelConfig } from "@sew/kernels";
import {
  getKernel,
  type KernelConfig,
  type KernelFunc,
  type NamedTensorInfoMap,
  type TensorInfo,
} from "@tensorflow/tfjs-core";
import { runNative } from "./addon.js";
import type { NativeBackend } from "./backend.js";
import { NATIVE } from "./backend.js";
import { inJavaScript } from "./trace.js";

/** The function of a kernel, with typed arguments. */
export type Run<I, A> = (inputs: I, attrs: A, backend: NativeBackend) => TensorInfo | TensorInfo[];

/** The tensors of named inputs or of a list; optional ones may be missing. */
function tensorsOf(inputs: NamedTensorInfoMap): TensorInfo[] {
  return Object.values(inputs)
    .flat()
    .filter((tensor) => tensor != null) as TensorInfo[];
}

/** Whether all tensors are float32. It runs before every kernel, so it makes no arrays. */
function areFloat32(inputs: NamedTensorInfoMap): boolean {
  for (const name in inputs) {
    const input: TensorInfo | readonly TensorInfo[] | null | undefined = inputs[name];
    if (input == null) continue;
    if (Array.isArray(input) ? !input.every(isFloat32) : !isFloat32(input as TensorInfo)) return false;
  }
  return true;
}

const isFloat32 = ({ dtype }: TensorInfo) => dtype === "float32";

/**
 * A kernel of this backend for float32 tensors. For inputs of another type, or where `supports` returns false, TensorFlow.js's
 * cpu kernel of that name runs.
 *
 * @throws TypeError (when run) where the cpu backend has no kernel of that name
 */
export function floatKernel<I, A>(
  kernelName: string,
  run: Run<I, A>,
  supports: (inputs: I, attrs: A) => boolean = () => true,
): KernelConfig {
  const kernelFunc: KernelFunc = (args) => {
    const inputs = args.inputs as I;
    const attrs = (args.attrs ?? {}) as A;
    if (areFloat32(args.inputs) && supports(inputs, attrs)) {
      return run(inputs, attrs, args.backend as NativeBackend);
    }
    const fallback = getKernel(kernelName, "cpu");
    const types = () =>
      tensorsOf(args.inputs)
        .map(({ dtype, shape }) => `${dtype} [${shape}]`)
        .join(", ");
    if (fallback === undefined) {
      throw new TypeError(`${kernelName}: inputs must be float32 tensors, got ${types()}`);
    }
    return inJavaScript(
      () => `its C++ kernel does not support ${types()}`,
      () => fallback.kernelFunc(args),
    );
  };
  return { kernelName, backendName: NATIVE, kernelFunc };
}

/** The same for a kernel on images that takes sequences `[T, N, H, W, C]`, too; see {@link SequenceKernelConfig}. */
export function imageKernel<I, A>(...kernel: Parameters<typeof floatKernel<I, A>>): SequenceKernelConfig {
  return { ...floatKernel(...kernel), takesSequences: true };
}

/** The shape of images, with the time of a sequence folded into the batch. */
export function imagesOf(shape: readonly number[]): [batch: number, height: number, width: number, channels: number] {
  if (shape.length !== 5) return shape as [number, number, number, number];
  const [steps, batch, height, width, channels] = shape as [number, number, number, number, number];
  return [steps * batch, height, width, channels];
}

/** The shape of a result `[batch, ...]` for images of the shape `of`: that of a sequence where they are one. */
export function sequenceLike(of: readonly number[], [batch, ...image]: readonly number[]): number[] {
  return of.length === 5 ? [of[0]!, of[1]!, ...image] : [batch!, ...image];
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/**
 * Runs an element-wise kernel that updates tensors, in place where no other tensor shares their memory. Its numbers begin
 * with the size; its arrays are the old values, the other inputs, and the new values.
 *
 * @param old the tensors to update, which the caller will not read again
 */
export function updateOver(
  kernel: string,
  numbers: readonly number[],
  old: readonly TensorInfo[],
  others: readonly TensorInfo[],
  backend: NativeBackend,
): TensorInfo[] {
  const inputs = [...old, ...others].map((t) => backend.floats(t));
  const outputs = old.map((t) => backend.outputOver(t));
  runNative(kernel, [sizeOf(old[0]!.shape), ...numbers], ...inputs, ...outputs.map(([, values]) => values));
  return outputs.map(([info]) => info);
}
