/** @file What spikes save at each density: the event-driven convolutions against the dense ones, on the same values. */
import { type SpikeConvolution, setSpikeConvolution } from "@sew/backend-native";
import { integrateAndFire, neuron, unroll } from "@sew/neurons";
import { type Random, random } from "@sew/random";
import { add, engine, ones, reshape, type Tensor, type Tensor4D, tensor, tidy } from "@tensorflow/tfjs-core";
import { median, time } from "./timing.js";

/** A convolution of images of size x size, padded so that stride 1 keeps the size. */
export interface Layer {
  readonly network: string;
  readonly kernel: 1 | 3;
  readonly stride: 1 | 2;
  readonly size: number;
  readonly inChannels: number;
  readonly outChannels: number;
}

/** How the input is stored: spikes as bits, or their sums (of three, 0 to 3) as counts. */
export type Storage = "bits" | "counts";
export type Product = "forward" | "filter gradient";

export interface SweepPoint {
  readonly storage: Storage;
  /** The fraction of the input that is not 0. */
  readonly density: number;
  readonly product: Product;
  /** Seconds, the median of the runs. */
  readonly events: number;
  readonly dense: number;
}

export interface LayerSweep {
  readonly layer: Layer;
  readonly points: readonly SweepPoint[];
}

const layer = (network: string, kernel: 1 | 3, size: number, inChannels: number, outChannels: number, stride: 1 | 2) =>
  ({ network, kernel, size, inChannels, outChannels, stride }) satisfies Layer;

/** The kinds of layers that 7B-Net and the ResNets have behind spikes. */
export const layers: readonly Layer[] = [
  layer("7B-Net", 3, 128, 32, 32, 1),
  layer("7B-Net", 3, 32, 32, 32, 1),
  layer("ResNet-18 to 152", 3, 56, 64, 64, 1),
  layer("ResNet-18 to 152", 3, 28, 128, 128, 1),
  layer("ResNet-18 to 152", 3, 14, 256, 256, 1),
  layer("ResNet-18 to 152", 3, 7, 512, 512, 1),
  layer("ResNet-18 and 34", 3, 56, 64, 128, 2),
  layer("ResNet-50 to 152", 3, 14, 512, 512, 2),
  layer("ResNet-50 to 152", 1, 56, 64, 256, 1),
  layer("ResNet-50 to 152", 1, 56, 256, 64, 1),
  layer("ResNet-50 to 152", 1, 28, 512, 128, 1),
  layer("ResNet-50 to 152", 1, 56, 256, 512, 2),
];

/** What a layer is called, such as `ResNet-18 and 34, 3x3/2 64 to 128, 56x56`. */
export function layerName({ network, kernel, stride, size, inChannels, outChannels }: Layer): string {
  const slides = stride === 1 ? "" : `/${stride}`;
  return `${network}, ${kernel}x${kernel}${slides} ${inChannels} to ${outChannels}, ${size}x${size}`;
}

export const densities: readonly number[] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6];

/** Images of a batch: work enough for a time that the clock can tell. */
const IMAGES = 8;

/** Spikes where the values reach the threshold: with a single step, any number of neurons gives bits. */
const fired = (values: Float32Array, threshold: number): Tensor =>
  unroll(neuron(integrateAndFire, { vThreshold: threshold }), tensor(values, [1, values.length])).spikes;

/**
 * Spikes that know nothing of each other, the worst case: `density` of the elements are not 0, as bits 1, as counts 1, 2
 * or 3 alike.
 */
export function drawn(
  shape: [number, number, number, number],
  storage: Storage,
  density: number,
  rng: Random,
): Tensor4D {
  const most = storage === "bits" ? 1 : 3;
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => {
    const place = rng.uniform() / density;
    return place < 1 ? 1 + Math.floor(most * place) : 0;
  });
  return tidy(() => {
    const spikes = Array.from({ length: most }, (_, i) => fired(values, i + 1));
    return reshape(
      spikes.reduce((a, b) => add(a, b)),
      shape,
    );
  });
}

/** Measures one layer at all densities. */
export async function measureLayer(of: Layer, runs: number, images = IMAGES): Promise<LayerSweep> {
  const { kernel, stride, size, inChannels, outChannels } = of;
  const rng = random(1);
  const filterShape = [kernel, kernel, inChannels, outChannels];
  const outSize = Math.ceil(size / stride);
  const [filter, dy] = [ones(filterShape), ones([images, outSize, outSize, outChannels])];
  const attrs = { strides: [stride, stride], pad: kernel >> 1, dataFormat: "NHWC", dilations: [1, 1] };
  const products: Readonly<Record<Product, (x: Tensor) => void>> = {
    forward: (x) => void engine().runKernel("Conv2D", { x, filter }, attrs),
    "filter gradient": (x) => void engine().runKernel("Conv2DBackpropFilter", { x, dy }, { ...attrs, filterShape }),
  };
  const points: SweepPoint[] = [];
  for (const storage of ["bits", "counts"] as const) {
    for (const density of densities) {
      const x = drawn([images, size, size, inChannels], storage, density, rng);
      for (const product of ["forward", "filter gradient"] as const) {
        const seconds = async (way: SpikeConvolution) => {
          setSpikeConvolution(way);
          return median(await time(() => tidy(() => products[product](x)), runs));
        };
        // The dense one's time has the unpacking in it.
        const [dense, events] = [await seconds("off"), await seconds("on")];
        points.push({ storage, density, product, events, dense });
      }
      x.dispose();
    }
  }
  setSpikeConvolution("auto");
  for (const t of [filter, dy]) t.dispose();
  return { layer: of, points };
}
