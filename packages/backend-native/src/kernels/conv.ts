/** @file Conv2D, Conv2DBackpropInput, Conv2DBackpropFilter: convolution of NHWC images and its two gradients. */
import { backend_util, type KernelConfig, type TensorInfo } from "@tensorflow/tfjs-core";
import { instructionSet, type KernelArray, runNative } from "../addon.js";
import type { NativeBackend } from "../backend.js";
import { breakEvens, is3x3, isEventDriven, kindOf, type SpikeProduct } from "../breakEven.js";
import { floatKernel } from "../kernel.js";
import { productPrecision } from "../precision.js";
import { spikeConvolution } from "../spikeConvolution.js";

interface ConvAttrs {
  strides: [number, number] | number;
  pad: "valid" | "same" | number | backend_util.ExplicitPadding;
  dataFormat: "NHWC" | "NCHW";
  dilations?: [number, number] | number;
  dimRoundingMode?: "floor" | "round" | "ceil";
}

type Shape4 = [number, number, number, number];

function geometry(x: readonly number[], filter: readonly number[], attrs: ConvAttrs): backend_util.Conv2DInfo {
  const { strides, pad, dilations = 1, dimRoundingMode } = attrs;
  return backend_util.computeConv2DInfo(x as Shape4, filter as Shape4, strides, dilations, pad, dimRoundingMode);
}

/** The numbers of the C++ kernels, in their order. */
function numbers(g: backend_util.Conv2DInfo): number[] {
  return [
    ...[g.batchSize, g.inHeight, g.inWidth, g.inChannels, g.outHeight, g.outWidth, g.outChannels],
    ...[g.filterHeight, g.filterWidth, g.strideHeight, g.strideWidth, g.padInfo.top, g.padInfo.left],
    ...[g.dilationHeight, g.dilationWidth],
  ];
}

/** The same, and whether to multiply in bfloat16. */
function productNumbers(g: backend_util.Conv2DInfo): number[] {
  return [...numbers(g), Number(productPrecision() === "bf16")];
}

/**
 * The stored spikes of an image batch for an event-driven convolution; `undefined` where the dense kernel is faster, or the
 * only one that supports the convolution.
 */
function spikesFor(
  product: SpikeProduct,
  x: TensorInfo,
  g: backend_util.Conv2DInfo,
  backend: NativeBackend,
): KernelArray | undefined {
  const setting = spikeConvolution();
  const isSupported = g.inChannels % 32 === 0 && g.dilationHeight === 1 && g.dilationWidth === 1;
  const spikes = setting !== "off" && isSupported ? backend.spikes(x) : undefined;
  if (spikes === undefined || setting === "on") return spikes?.packed;
  const kind = kindOf(product, g, spikes.kind, productPrecision());
  return isEventDriven(kind, spikes, breakEvens(instructionSet())) ? spikes.packed : undefined;
}

/** Calls a dense kernel with its image batch: stored spikes where the kernel reads them (Winograd), float32 elsewhere. */
function withImages(
  x: TensorInfo,
  g: backend_util.Conv2DInfo,
  backend: NativeBackend,
  run: (images: KernelArray) => void,
): void {
  const undilated = g.dilationHeight === 1 && g.dilationWidth === 1;
  const readsSpikes = is3x3(g) && undilated && g.inChannels % 32 === 0 && g.outChannels % 16 === 0;
  const spikes = readsSpikes ? backend.spikes(x)?.packed : undefined;
  if (spikes !== undefined) run(spikes);
  else backend.lendFloats(x, run);
}

const isNhwc = (_: unknown, { dataFormat }: ConvAttrs) => dataFormat === "NHWC" || dataFormat === undefined;

const conv2DConfig: KernelConfig = floatKernel<{ x: TensorInfo; filter: TensorInfo }, ConvAttrs>(
  "Conv2D",
  ({ x, filter }, attrs, backend) => {
    const g = geometry(x.shape, filter.shape, attrs);
    const [y, values] = backend.output(g.outShape);
    const spikes = spikesFor("forward", x, g, backend);
    if (spikes !== undefined) runNative("spikeConv2d", numbers(g), spikes, backend.floats(filter), values);
    else
      withImages(x, g, backend, (images) =>
        runNative("conv2d", productNumbers(g), images, backend.floats(filter), values),
      );
    return y;
  },
  isNhwc,
);

const conv2DBackpropInputConfig: KernelConfig = floatKernel<
  { dy: TensorInfo; filter: TensorInfo },
  ConvAttrs & { inputShape: Shape4 }
>(
  "Conv2DBackpropInput",
  ({ dy, filter }, attrs, backend) => {
    const g = geometry(attrs.inputShape, filter.shape, attrs);
    const [dx, values] = backend.output(attrs.inputShape);
    runNative("conv2dInputGrad", productNumbers(g), backend.floats(dy), backend.floats(filter), values);
    return dx;
  },
  isNhwc,
);

const conv2DBackpropFilterConfig: KernelConfig = floatKernel<
  { x: TensorInfo; dy: TensorInfo },
  ConvAttrs & { filterShape: Shape4 }
>(
  "Conv2DBackpropFilter",
  ({ x, dy }, attrs, backend) => {
    const g = geometry(x.shape, attrs.filterShape, attrs);
    const [dw, values] = backend.output(attrs.filterShape);
    const spikes = spikesFor("filter gradient", x, g, backend);
    if (spikes !== undefined) runNative("spikeConv2dFilterGrad", numbers(g), spikes, backend.floats(dy), values);
    else
      withImages(x, g, backend, (images) =>
        runNative("conv2dFilterGrad", productNumbers(g), images, backend.floats(dy), values),
      );
    return dw;
  },
  isNhwc,
);

export const kernels: readonly KernelConfig[] = [conv2DConfig, conv2DBackpropInputConfig, conv2DBackpropFilterConfig];
