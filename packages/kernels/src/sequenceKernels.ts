/** @file Convolution and max pooling of sequences of images, `[T, N, H, W, C]`, without time folded into the batch. */
import {
  Conv2D,
  Conv2DBackpropFilter,
  Conv2DBackpropInput,
  engine,
  getBackend,
  getKernel,
  type KernelConfig,
  MaxPool,
  MaxPoolGrad,
  type NamedTensorMap,
  type Tensor,
} from "@tensorflow/tfjs-core";
import { callKernel } from "./fusedOp.js";

/**
 * A kernel of TensorFlow.js on images, as a backend registers it that treats `[T, N, H, W, C]` as `[T·N, H, W, C]`, in inputs,
 * attributes and outputs. Its gradient's kernels do so, too, and read the images and the output's gradient alone.
 */
export interface SequenceKernelConfig extends KernelConfig {
  readonly takesSequences?: true;
}

/** What the backward pass computes of `dy`, by input, from what was saved. */
type Gradients = (dy: Tensor, saved: readonly Tensor[]) => Record<string, () => Tensor>;

/** The part of the engine behind `customGrad`. */
interface CustomKernels {
  runKernelFunc(params: {
    readonly inputs: NamedTensorMap;
    readonly forwardFunc: (backend: unknown, save: (tensors: Tensor[]) => void) => Tensor;
    readonly backwardsFunc: Gradients;
  }): Tensor;
}

/**
 * An operation that is one node of the tape, as `customGrad` of TensorFlow.js makes them, whose gradients are computed where
 * they are needed alone. Nothing inside `forward` and the gradients is recorded.
 *
 * @internal
 */
export function oneNode(
  inputs: NamedTensorMap,
  forward: (save: (tensors: Tensor[]) => void) => Tensor,
  gradients: Gradients,
): Tensor {
  return (engine() as unknown as CustomKernels).runKernelFunc({
    inputs,
    forwardFunc: (_, save) => forward(save),
    backwardsFunc: gradients,
  });
}

/**
 * Whether a kernel of the current backend takes these tensors as sequences. Inside a gradient of a gradient none does:
 * TensorFlow.js has it for images alone.
 *
 * @internal
 */
export function takesSequences(kernel: string, ...tensors: readonly Tensor[]): boolean {
  const config: SequenceKernelConfig | undefined = getKernel(kernel, getBackend());
  return (
    config?.takesSequences === true &&
    engine().state.gradientDepth < 2 &&
    tensors.every(({ dtype }) => dtype === "float32")
  );
}

/** The attributes of a convolution, as `conv2d` of TensorFlow.js passes them. @internal */
export function convAttrs(strides: number, pad: number): object {
  return { strides, pad, dataFormat: "NHWC", dilations: 1 };
}

/** The gradients of a convolution by its inputs, when they are needed. @internal */
export function convGradients(x: Tensor, filter: Tensor, dy: Tensor, attrs: object) {
  return {
    x: () => callKernel(Conv2DBackpropInput, { dy, filter }, { ...attrs, inputShape: x.shape })[0]!,
    filter: () => callKernel(Conv2DBackpropFilter, { x, dy }, { ...attrs, filterShape: filter.shape })[0]!,
  };
}

/**
 * The convolution of every image of a sequence, `[T, N, H, W, C] → [T, N, H', W', C']`, as `conv2d` of TensorFlow.js, in one
 * kernel; undefined where the backend has none.
 *
 * @param filter `[kernel, kernel, C, C']`
 * @param pad zeros on every side
 */
export function conv2dOfSequence(x: Tensor, filter: Tensor, strides: number, pad: number): Tensor | undefined {
  if (!takesSequences(Conv2D, x, filter)) return undefined;
  const attrs = convAttrs(strides, pad);
  return oneNode(
    { x, filter },
    (save) => {
      save([x, filter]);
      return callKernel(Conv2D, { x, filter }, attrs)[0]!;
    },
    (dy, [x, filter]) => convGradients(x!, filter!, dy, attrs),
  );
}

/**
 * The largest value of every window of every image of a sequence, `[T, N, H, W, C] → [T, N, H', W', C]`, as `maxPool` of
 * TensorFlow.js, in one kernel; undefined where the backend has none.
 */
export function maxPoolOfSequence(x: Tensor, filterSize: number, strides: number, pad: number): Tensor | undefined {
  if (!takesSequences(MaxPool, x)) return undefined;
  const attrs = { filterSize, strides, pad };
  return oneNode(
    { x },
    (save) => {
      save([x]);
      return callKernel(MaxPool, { x }, attrs)[0]!;
    },
    (dy, [input]) => ({ x: () => callKernel(MaxPoolGrad, { dy, input: input! }, attrs)[0]! }),
  );
}
