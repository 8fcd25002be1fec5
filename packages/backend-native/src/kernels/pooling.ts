/** @file MaxPool, MaxPoolGrad, AvgPool, AvgPoolGrad. */
import { backend_util, type KernelConfig, type TensorInfo } from "@tensorflow/tfjs-core";
import { runNative } from "../addon.js";
import { floatKernel } from "./kernel.js";

interface PoolAttrs {
  filterSize: [number, number] | number;
  strides: [number, number] | number;
  pad: "valid" | "same" | number | backend_util.ExplicitPadding;
  dimRoundingMode?: "floor" | "round" | "ceil";
}

function geometry({ shape }: TensorInfo, { filterSize, strides, pad, dimRoundingMode }: PoolAttrs) {
  const image = shape as [number, number, number, number];
  return backend_util.computePool2DInfo(image, filterSize, strides, 1, pad, dimRoundingMode);
}

/** The numbers of the C++ kernels, in their order. */
function numbers(g: backend_util.Conv2DInfo): number[] {
  return [
    ...[g.batchSize, g.inHeight, g.inWidth, g.inChannels, g.outHeight, g.outWidth],
    ...[g.effectiveFilterHeight, g.effectiveFilterWidth, g.strideHeight, g.strideWidth],
    ...[g.padInfo.top, g.padInfo.left, g.dilationHeight, g.dilationWidth],
  ];
}

function forward(kernelName: string, native: string): KernelConfig {
  return floatKernel<{ x: TensorInfo }, PoolAttrs>(kernelName, ({ x }, attrs, backend) => {
    const g = geometry(x, attrs);
    const [y, values] = backend.output(g.outShape);
    runNative(native, numbers(g), backend.floats(x), values);
    return y;
  });
}

export const maxPoolConfig: KernelConfig = forward("MaxPool", "maxPool");
export const avgPoolConfig: KernelConfig = forward("AvgPool", "avgPool");

export const maxPoolGradConfig: KernelConfig = floatKernel<{ dy: TensorInfo; input: TensorInfo }, PoolAttrs>(
  "MaxPoolGrad",
  ({ dy, input }, attrs, backend) => {
    const [dx, values] = backend.output(input.shape);
    runNative("maxPoolGrad", numbers(geometry(input, attrs)), backend.floats(dy), backend.floats(input), values);
    return dx;
  },
);

export const avgPoolGradConfig: KernelConfig = floatKernel<{ dy: TensorInfo; input: TensorInfo }, PoolAttrs>(
  "AvgPoolGrad",
  ({ dy, input }, attrs, backend) => {
    const [dx, values] = backend.output(input.shape);
    runNative("avgPoolGrad", numbers(geometry(input, attrs)), backend.floats(dy), values);
    return dx;
  },
);
