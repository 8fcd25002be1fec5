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
import { runKernel } from "./fusedOp.js";

/**
 * A kernel of TensorFlow.js on images, as a backend registers it that treats `[T, N, H, W, C]` as `[T·N, H, W, C]`, in inputs,
 * attributes and outputs. Its gradient's kernels do so, too, and read the images and the output's gradient alone.
 */
export interface SequenceKernelConfig extends KernelConfig {
  readonly takesSequences?: true;
}

/** What the backward pass computes of `dy`, by input, from the inputs. */
type Gradients = (dy: Tensor, saved: readonly Tensor[]) => Record<string, () => Tensor>;

/** The part of the engine behind `customGrad`. There every gradient would be computed, those of frames, too. */
interface CustomKernels {
  runKernelFunc(params: {
    readonly inputs: NamedTensorMap;
    readonly forwardFunc: (backend: unknown, save: (tensors: Tensor[]) => void) => Tensor;
    readonly backwardsFunc: Gradients;
  }): Tensor;
}

/**
 * Runs a kernel on sequences; undefined where the backend takes images alone, and inside a gradient of a gradient, which
 * TensorFlow.js has for images alone.
 */
function runOnSequences(
  kernel: string,
  inputs: NamedTensorMap,
  attrs: object,
  gradients: Gradients,
): Tensor | undefined {
  const config: SequenceKernelConfig | undefined = getKernel(kernel, getBackend());
  const tensors = Object.values(inputs);
  if (config?.takesSequences !== true || engine().state.gradientDepth > 1) return undefined;
  if (!tensors.every(({ dtype }) => dtype === "float32")) return undefined;
  return (engine() as unknown as CustomKernels).runKernelFunc({
    inputs,
    forwardFunc(_, save) {
      save(tensors);
      return run(kernel, inputs, attrs);
    },
    backwardsFunc: gradients,
  });
}

const run = (kernel: string, inputs: NamedTensorMap, attrs: object) =>
  runKernel(kernel, inputs, attrs) as unknown as Tensor;

/**
 * The convolution of every image of a sequence, `[T, N, H, W, C] → [T, N, H', W', C']`, as `conv2d` of TensorFlow.js, in one
 * kernel; undefined where the backend has none.
 *
 * @param filter `[kernel, kernel, C, C']`
 * @param pad zeros on every side
 */
export function conv2dOfSequence(x: Tensor, filter: Tensor, strides: number, pad: number): Tensor | undefined {
  const attrs = { strides, pad, dataFormat: "NHWC", dilations: 1 };
  const { shape: inputShape } = x;
  const { shape: filterShape } = filter;
  return runOnSequences(Conv2D, { x, filter }, attrs, (dy, [x, filter]) => ({
    x: () => run(Conv2DBackpropInput, { dy, filter: filter! }, { ...attrs, inputShape }),
    filter: () => run(Conv2DBackpropFilter, { x: x!, dy }, { ...attrs, filterShape }),
  }));
}

/**
 * The largest value of every window of every image of a sequence, `[T, N, H, W, C] → [T, N, H', W', C]`, as `maxPool` of
 * TensorFlow.js, in one kernel; undefined where the backend has none.
 */
export function maxPoolOfSequence(x: Tensor, filterSize: number, strides: number, pad: number): Tensor | undefined {
  const attrs = { filterSize, strides, pad };
  return runOnSequences(MaxPool, { x }, attrs, (dy, [input]) => ({
    x: () => run(MaxPoolGrad, { dy, input: input! }, attrs),
  }));
}
