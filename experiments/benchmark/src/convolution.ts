/** @file The dense convolution kernels, alone: forward and both gradients of a 3x3 convolution. */
import { engine, ones, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { median, time } from "./timing.js";

/** One layer: `images` of size x size, `channels` in and out. */
interface ConvolutionShape {
  readonly images: number;
  readonly size: number;
  readonly channels: number;
}

export interface ConvolutionResult extends ConvolutionShape {
  /** FLOP/s, a multiply-add counting as two. */
  readonly forward: number;
  readonly inputGradient: number;
  readonly filterGradient: number;
}

/** The layers of 7B-Net and of a ResNet's four stages. */
const shapes: readonly ConvolutionShape[] = [
  { images: 32, size: 128, channels: 32 },
  { images: 32, size: 64, channels: 32 },
  { images: 32, size: 34, channels: 32 },
  { images: 16, size: 56, channels: 64 },
  { images: 16, size: 28, channels: 128 },
  { images: 16, size: 14, channels: 256 },
  { images: 16, size: 7, channels: 512 },
];

/** Measures every layer. */
export async function measureConvolutions(runs: number): Promise<ConvolutionResult[]> {
  const results: ConvolutionResult[] = [];
  for (const shape of shapes) results.push(await measureConvolution(shape, runs));
  return results;
}

async function measureConvolution(shape: ConvolutionShape, runs: number): Promise<ConvolutionResult> {
  const { images, size, channels } = shape;
  const image: [number, number, number, number] = [images, size, size, channels];
  const filterShape = [3, 3, channels, channels];
  const x = ones(image);
  const dy = ones(image);
  const filter = ones(filterShape);
  const common = { strides: [1, 1], pad: 1, dataFormat: "NHWC", dilations: [1, 1] };
  const flops = 2 * images * size * size * 9 * channels * channels;
  const rate = async (kernel: string, inputs: Record<string, Tensor>, attrs: object) => {
    const all = { ...common, ...attrs } as object as Record<string, never>;
    const call = () => tidy(() => void engine().runKernel(kernel, inputs, all));
    return flops / median(await time(call, runs));
  };
  const result = {
    ...shape,
    forward: await rate("Conv2D", { x, filter }, {}),
    inputGradient: await rate("Conv2DBackpropInput", { dy, filter }, { inputShape: image }),
    filterGradient: await rate("Conv2DBackpropFilter", { x, dy }, { filterShape }),
  };
  for (const t of [x, dy, filter]) t.dispose();
  return result;
}
