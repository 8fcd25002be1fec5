/** @file Conv2D, Conv2DBackpropInput, Conv2DBackpropFilter: convolution of NHWC images and its two gradients. */
import { backend_util, engine, type KernelConfig, type TensorInfo, util } from "@tensorflow/tfjs-core";
import { hasMatrixUnit, instructionSet, type KernelArray, runFinite, runNative } from "../addon.js";
import type { NativeBackend } from "../backend.js";
import { breakEvens, is3x3, isEventDriven, kindOf, type SpikeProduct } from "../breakEven.js";
import { imageKernel, imagesOf, sequenceLike } from "../kernel.js";
import { fillsSteps, LEAST_WINDOW } from "../matrixUnit.js";
import { productPrecision } from "../precision.js";
import { spikeConvolution } from "../spikeConvolution.js";
import { because, originOf } from "../trace.js";

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
  return backend_util.computeConv2DInfo(imagesOf(x), filter as Shape4, strides, dilations, pad, dimRoundingMode);
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

const isUndilated = (g: backend_util.Conv2DInfo) => g.dilationHeight === 1 && g.dilationWidth === 1;

/** Whether there is a matrix unit that runs a product where `suits`. */
function onMatrixUnit(g: backend_util.Conv2DInfo, suits: boolean): boolean {
  if (!hasMatrixUnit()) return false;
  if (!isUndilated(g)) because(() => "a dilated filter has no kernel for a matrix unit; use dilation 1");
  else if (!suits)
    because(() => "a matrix unit should be no faster: too little of it would be filled, or too much copied");
  return suits && isUndilated(g);
}

/**
 * Whether a convolution of dense images, or the gradient of its input, fills a matrix unit, whose steps take 32 values: those of
 * words of channels, or else neighbours in a row of the filter. Those of 3x3 at stride 1 are computed by tiles of 2x2.
 */
const fillsMatrixUnit = (g: backend_util.Conv2DInfo, channels: number, columns: number) =>
  channels % 32 === 0 || (!is3x3(g) && fillsSteps(channels * columns));

/**
 * The same of the gradient of the filter, whose windows and their parts are copied first: below 96 values of a window this is
 * most of the work. In float32 it is too much where an element is in many windows, and where few are words of channels.
 */
const fillsWithWindows = (g: backend_util.Conv2DInfo) =>
  g.filterHeight * g.filterWidth * g.inChannels >= LEAST_WINDOW &&
  (productPrecision() === "bf16" || (g.inChannels % 32 === 0 && !is3x3(g)));

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
  const { inChannels } = g;
  if (setting === "off") return because(() => "event-driven convolution is off; call setSpikeConvolution with auto");
  const spikes = backend.spikes(x);
  if (spikes === undefined) {
    return because(() => `its input is stored as float32, not as spikes: ${originOf(x)}`);
  }
  if (inChannels % 32 !== 0) {
    const remedy = `use ${32 * Math.ceil(inChannels / 32)}`;
    return because(() => `its ${inChannels} input channels are no multiple of 32, a word of spikes; ${remedy}`);
  }
  if (!isUndilated(g)) {
    return because(() => "a dilated filter has no event-driven kernel; use dilation 1");
  }
  if (setting === "on") return spikes.packed;
  const kind = kindOf(product, g, spikes.kind, productPrecision());
  const densities = breakEvens(instructionSet());
  if (isEventDriven(kind, spikes, densities)) return spikes.packed;
  return because(() => {
    const density = (spikes.events / spikes.size).toFixed(3);
    return `its density of ${density} events per element is above the break-even ${densities[kind]} of "${kind}", so dense is faster; pnpm bench --calibrate measures that here`;
  });
}

/**
 * The kernels of a product of an image batch: event-driven; dense; on a matrix unit, of spikes and of float32; and for numbers
 * that are not finite.
 */
interface Product {
  readonly product: SpikeProduct;
  readonly events: string;
  readonly dense: string;
  readonly matrixSpikes: string;
  readonly matrix: string;
  readonly plain: string;
}

const NOT_FINITE =
  "a number is not finite, so that all is computed again by the definition, several times slower; find its cause with trainStep's Diverged";

/**
 * Calls a kernel that multiplies, with the image batch as it reads it: spikes as they are stored, where no word of bits has
 * channels of two pixels, or float32. Where the convolution of spikes is off, a matrix unit multiplies spikes like other
 * numbers, so that their storage changes no bit.
 */
function runDense(
  { product, dense, matrixSpikes, matrix }: Product,
  x: TensorInfo,
  g: backend_util.Conv2DInfo,
  backend: NativeBackend,
  run: (kernel: string, images: KernelArray) => boolean,
): boolean {
  const words = g.inChannels % 32 === 0;
  const spikes = words && !(hasMatrixUnit() && spikeConvolution() === "off") ? backend.spikes(x)?.packed : undefined;
  if (spikes !== undefined) return run(onMatrixUnit(g, true) ? matrixSpikes : dense, spikes);
  const fills = product === "forward" ? fillsMatrixUnit(g, g.inChannels, g.filterWidth) : fillsWithWindows(g);
  return backend.lendFloats(x, (images) => run(onMatrixUnit(g, fills) ? matrix : dense, images));
}

/** Computes a product of an image batch with `other` by the kernel that suits them. */
function multiply(
  kernels: Product,
  x: TensorInfo,
  other: TensorInfo,
  g: backend_util.Conv2DInfo,
  backend: NativeBackend,
): TensorInfo {
  const { product, events, plain } = kernels;
  const shape = product === "forward" ? sequenceLike(x.shape, g.outShape) : g.filterShape;
  const spikes = spikesFor(product, x, g, backend);
  const convolvesSpikes = spikes !== undefined && product === "forward";
  const [result, values] =
    convolvesSpikes && productPrecision() === "bf16" ? backend.outputBfloat16(shape) : backend.output(shape);
  // In training a batch norm may follow: its statistics are taken while the output is in the caches.
  const isMeasured = convolvesSpikes && engine().state.gradientDepth > 0;
  const statistics = isMeasured ? [new Float32Array(g.outChannels), new Float32Array(g.outChannels)] : [];
  const factor = backend.floats(other);
  const computed =
    spikes !== undefined
      ? runFinite(events, numbers(g), spikes, factor, values, ...statistics)
      : runDense(kernels, x, g, backend, (kernel, images) =>
          runFinite(kernel, productNumbers(g), images, factor, values),
        );
  if (computed) {
    const [mean, variance] = statistics;
    if (mean !== undefined && variance !== undefined) backend.setStatistics(result, { mean, variance });
    return result;
  }
  because(() => NOT_FINITE);
  backend.disposeIntermediateTensorInfo(result);
  const [defined, floats] = backend.output(shape);
  backend.lendFloats(x, (images) => runNative(plain, numbers(g), images, factor, floats));
  return defined;
}

const isNhwc = ({ dataFormat }: ConvAttrs) => dataFormat === "NHWC" || dataFormat === undefined;

/** Whether an output gradient has the shape of the convolution's output. `conv2dTranspose` takes any; see the cpu kernel. */
const isOutput = ({ shape }: TensorInfo, g: backend_util.Conv2DInfo) => util.arraysEqual(imagesOf(shape), g.outShape);

const conv2DConfig: KernelConfig = imageKernel<{ x: TensorInfo; filter: TensorInfo }, ConvAttrs>(
  "Conv2D",
  ({ x, filter }, attrs, backend) =>
    multiply(
      {
        product: "forward",
        events: "spikeConv2d",
        dense: "conv2d",
        matrixSpikes: "matrixSpikeConv2d",
        matrix: "matrixConv2d",
        plain: "plainConv2d",
      },
      x,
      filter,
      geometry(x.shape, filter.shape, attrs),
      backend,
    ),
  (_, attrs) => isNhwc(attrs),
);

const conv2DBackpropInputConfig: KernelConfig = imageKernel<
  { dy: TensorInfo; filter: TensorInfo },
  ConvAttrs & { inputShape: number[] }
>(
  "Conv2DBackpropInput",
  ({ dy, filter }, attrs, backend) => {
    const g = geometry(attrs.inputShape, filter.shape, attrs);
    const [dx, values] = backend.output(attrs.inputShape);
    const arrays = [backend.floats(dy), backend.floats(filter), values];
    const fills = fillsMatrixUnit(g, g.outChannels, Math.ceil(g.filterWidth / g.strideWidth));
    const kernel = onMatrixUnit(g, fills) ? "matrixConv2dInputGrad" : "conv2dInputGrad";
    if (!runFinite(kernel, productNumbers(g), ...arrays)) {
      because(() => NOT_FINITE);
      runNative("plainConv2dInputGrad", numbers(g), ...arrays);
    }
    return dx;
  },
  ({ dy, filter }, attrs) => isNhwc(attrs) && isOutput(dy, geometry(attrs.inputShape, filter.shape, attrs)),
);

const conv2DBackpropFilterConfig: KernelConfig = imageKernel<
  { x: TensorInfo; dy: TensorInfo },
  ConvAttrs & { filterShape: Shape4 }
>(
  "Conv2DBackpropFilter",
  ({ x, dy }, attrs, backend) =>
    multiply(
      {
        product: "filter gradient",
        events: "spikeConv2dFilterGrad",
        dense: "conv2dFilterGrad",
        matrixSpikes: "matrixSpikeConv2dFilterGrad",
        matrix: "matrixConv2dFilterGrad",
        plain: "plainConv2dFilterGrad",
      },
      x,
      dy,
      geometry(x.shape, attrs.filterShape, attrs),
      backend,
    ),
  ({ x, dy }, attrs) => isNhwc(attrs) && isOutput(dy, geometry(x.shape, attrs.filterShape, attrs)),
);

export const kernels: readonly KernelConfig[] = [conv2DConfig, conv2DBackpropInputConfig, conv2DBackpropFilterConfig];
