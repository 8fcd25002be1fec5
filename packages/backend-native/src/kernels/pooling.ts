/** @file MaxPool, MaxPoolGrad, AvgPool, AvgPoolGrad. */
import { backend_util, type KernelConfig, type TensorInfo, util } from "@tensorflow/tfjs-core";
import { runNative } from "../addon.js";
import type { NativeBackend } from "../backend.js";
import { floatKernel, imageKernel, imagesOf, sequenceLike } from "../kernel.js";
import type { Spikes } from "../spikes.js";
import { because } from "../trace.js";

interface PoolAttrs {
  filterSize: [number, number] | number;
  strides: [number, number] | number;
  pad: "valid" | "same" | number | backend_util.ExplicitPadding;
  dimRoundingMode?: "floor" | "round" | "ceil";
}

function geometry({ shape }: TensorInfo, { filterSize, strides, pad, dimRoundingMode }: PoolAttrs) {
  return backend_util.computePool2DInfo(imagesOf(shape), filterSize, strides, 1, pad, dimRoundingMode);
}

/** The numbers of the C++ kernels, in their order. */
function numbers(g: backend_util.Conv2DInfo): number[] {
  return [
    ...[g.batchSize, g.inHeight, g.inWidth, g.inChannels, g.outHeight, g.outWidth],
    ...[g.effectiveFilterHeight, g.effectiveFilterWidth, g.strideHeight, g.strideWidth],
    ...[g.padInfo.top, g.padInfo.left, g.dilationHeight, g.dilationWidth],
  ];
}

/** The stored spikes of a tensor, where the C++ kernels support them: the bits of a pixel must be whole words. */
function spikesOf(x: TensorInfo, backend: NativeBackend): Spikes | undefined {
  const spikes = backend.spikes(x);
  const channels = x.shape.at(-1)!;
  if (spikes?.kind !== "bits" || channels % 32 === 0) return spikes;
  return because(
    () => `its ${channels} channels are no multiple of 32, a word of spikes; use ${32 * Math.ceil(channels / 32)}`,
  );
}

/** Whether every window contains a pixel of the image: the maximum of an empty one is -Infinity, which is no spike. */
function windowsHavePixels(g: backend_util.Conv2DInfo): boolean {
  const contains = (padding: number, window: number, stride: number, out: number, size: number) =>
    padding < window && (out - 1) * stride - padding < size;
  return (
    contains(g.padInfo.top, g.effectiveFilterHeight, g.strideHeight, g.outHeight, g.inHeight) &&
    contains(g.padInfo.left, g.effectiveFilterWidth, g.strideWidth, g.outWidth, g.inWidth)
  );
}

/** Whether the result is the image itself. With padding it would not be, but TensorFlow.js's specs demand it. */
const isIdentity = ({ filterHeight, filterWidth, inShape, outShape }: backend_util.Conv2DInfo) =>
  filterHeight * filterWidth === 1 && util.arraysEqual(inShape, outShape);

/** Whether an output gradient has the shape of the output; the cpu kernel takes others, too. */
const isOutput = ({ shape }: TensorInfo, { outShape }: backend_util.Conv2DInfo) =>
  util.arraysEqual(imagesOf(shape), outShape);

const maxPoolConfig: KernelConfig = imageKernel<{ x: TensorInfo }, PoolAttrs>("MaxPool", ({ x }, attrs, backend) => {
  const g = geometry(x, attrs);
  if (isIdentity(g)) return backend.share(x);
  const shape = sequenceLike(x.shape, g.outShape);
  const spikes = windowsHavePixels(g) ? spikesOf(x, backend) : undefined;
  if (spikes !== undefined) {
    const [y, { packed }] = backend.outputSpikes(shape, spikes.most);
    runNative("maxPool", numbers(g), spikes.packed, packed);
    return y;
  }
  const [y, values] = backend.output(shape);
  runNative("maxPool", numbers(g), backend.floats(x), values);
  return y;
});

const avgPoolConfig: KernelConfig = floatKernel<{ x: TensorInfo }, PoolAttrs>("AvgPool", ({ x }, attrs, backend) => {
  const g = geometry(x, attrs);
  if (isIdentity(g)) return backend.share(x);
  const [y, values] = backend.output(g.outShape);
  runNative("avgPool", numbers(g), backend.floats(x), values);
  return y;
});

const maxPoolGradConfig: KernelConfig = imageKernel<{ dy: TensorInfo; input: TensorInfo }, PoolAttrs>(
  "MaxPoolGrad",
  ({ dy, input }, attrs, backend) => {
    const [dx, values] = backend.output(input.shape);
    const from = spikesOf(input, backend)?.packed ?? backend.floats(input);
    runNative("maxPoolGrad", numbers(geometry(input, attrs)), backend.floats(dy), from, values);
    return dx;
  },
  ({ dy, input }, attrs) => isOutput(dy, geometry(input, attrs)),
);

const avgPoolGradConfig: KernelConfig = floatKernel<{ dy: TensorInfo; input: TensorInfo }, PoolAttrs>(
  "AvgPoolGrad",
  ({ dy, input }, attrs, backend) => {
    const [dx, values] = backend.output(input.shape);
    runNative("avgPoolGrad", numbers(geometry(input, attrs)), backend.floats(dy), values);
    return dx;
  },
  ({ dy, input }, attrs) => isOutput(dy, geometry(input, attrs)),
);

export const kernels: readonly KernelConfig[] = [maxPoolConfig, avgPoolConfig, maxPoolGradConfig, avgPoolGradConfig];
