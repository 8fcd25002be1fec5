/** @file Measures the densities up to which convolutions of spikes are faster event-driven than dense. */
import { hasMatrixUnit, instructionSet, type KernelArray, runNative } from "./addon.js";
import {
  type BreakEvens,
  convolutionKinds,
  EVERY_DENSITY,
  kindOf,
  type SpikeProduct,
  useCalibrated,
} from "./breakEven.js";
import { writeBreakEvens } from "./breakEvenFile.js";
import { precisions } from "./precision.js";
import { Spikes } from "./spikes.js";

/** An event-driven convolution that was timed. */
export interface TimedConvolution {
  /** Events per element. */
  readonly density: number;
  /** Its time relative to the dense convolution's. */
  readonly ratio: number;
}

/**
 * The break-even with the least total time, event-driven up to it and dense above: one of the timed densities; 0 where no
 * density pays; {@link EVERY_DENSITY} where all together do.
 */
export function breakEvenOf(timed: readonly TimedConvolution[]): number {
  let [best, least, cost] = [0, 0, 0];
  const sorted = timed.toSorted((a, b) => a.density - b.density);
  for (const [i, { density, ratio }] of sorted.entries()) {
    cost += ratio - 1;
    if (cost < least) [best, least] = [i === sorted.length - 1 ? EVERY_DENSITY : density, cost];
  }
  return best;
}

/** A convolution of `images` images, `[size, size, inChannels]` each. */
interface Layer {
  readonly kernel: 1 | 3;
  readonly stride: 1 | 2;
  readonly size: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly images: number;
}

/** Typical layers after spikes, in batches of about 10⁸ operations. */
const layers: readonly Layer[] = [
  { kernel: 3, stride: 1, size: 64, inChannels: 32, outChannels: 32, images: 2 },
  { kernel: 3, stride: 1, size: 28, inChannels: 64, outChannels: 64, images: 2 },
  { kernel: 3, stride: 1, size: 14, inChannels: 256, outChannels: 256, images: 1 },
  { kernel: 3, stride: 2, size: 28, inChannels: 64, outChannels: 128, images: 4 },
  { kernel: 1, stride: 1, size: 28, inChannels: 64, outChannels: 256, images: 4 },
  { kernel: 1, stride: 1, size: 28, inChannels: 256, outChannels: 64, images: 4 },
];

/** Numbers of neurons whose spikes add up to an element: 7 give counts of three digits, as after several SEW blocks. */
const neurons = [1, 2, 7];
const firingRates = [0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7, 0.95];

/** Sums of independent spikes, the worst case. The same every time. */
function drawSpikes(size: number, summands: number, rate: number): Spikes {
  const packed = summands === 1 ? new Int32Array(size / 32) : new Uint8Array(size);
  let state = 1;
  for (let i = 0; i < size * summands; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    if (state >= rate * 2 ** 32) continue;
    if (summands === 1) packed[i >> 5]! |= 1 << (i & 31);
    else packed[i % size]!++;
  }
  return new Spikes(packed, size, summands);
}

const RUNS = 3;

/** Minimum of several calls in milliseconds, after a warm-up. */
function time(call: () => void): number {
  call();
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    call();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

/** The two kernels of a product, and their arguments besides the spikes. */
interface Kernels {
  readonly dense: string;
  readonly events: string;
  readonly arrays: readonly KernelArray[];
}

/** Times the convolutions of one layer at all densities, and passes each to `record`. */
function timeLayer(of: Layer, record: (kind: string, timed: TimedConvolution) => void): void {
  const { kernel, stride, size, inChannels, outChannels, images } = of;
  const [outSize, pad] = [size / stride, kernel >> 1];
  const numbers = [
    ...[images, size, size, inChannels, outSize, outSize, outChannels],
    ...[kernel, kernel, stride, stride, pad, pad, 1, 1],
  ];
  const y = new Float32Array(images * outSize * outSize * outChannels).fill(1);
  const filter = new Float32Array(kernel * kernel * inChannels * outChannels).fill(1);
  const geometry = { filterHeight: kernel, filterWidth: kernel, strideHeight: stride, strideWidth: stride };
  const [dy, dFilter] = [y.slice(), filter.slice()];
  const onMatrixUnit = hasMatrixUnit();
  const products: Readonly<Record<SpikeProduct, Kernels>> = {
    forward: { dense: onMatrixUnit ? "matrixSpikeConv2d" : "conv2d", events: "spikeConv2d", arrays: [filter, y] },
    "filter gradient": {
      dense: onMatrixUnit ? "matrixSpikeConv2dFilterGrad" : "conv2dFilterGrad",
      events: "spikeConv2dFilterGrad",
      arrays: [dy, dFilter],
    },
  };
  // Without support for bfloat16 a dense kernel uses float32 for both.
  const timeDense = ({ dense, arrays }: Kernels, spikes: Spikes) =>
    precisions.map((precision) =>
      time(() => runNative(dense, [...numbers, Number(precision === "bf16")], spikes.packed, ...arrays)),
    );
  for (const summands of neurons) {
    const denseTimes: Partial<Record<SpikeProduct, number[]>> = {};
    for (const rate of firingRates) {
      const spikes = drawSpikes(images * size * size * inChannels, summands, rate);
      const density = spikes.events / spikes.size;
      for (const [product, kernels] of Object.entries(products) as [SpikeProduct, Kernels][]) {
        denseTimes[product] ??= timeDense(kernels, spikes);
        const events = time(() => runNative(kernels.events, numbers, spikes.packed, ...kernels.arrays));
        for (const [i, precision] of precisions.entries())
          record(kindOf(product, geometry, spikes.kind, precision), {
            density,
            ratio: events / denseTimes[product][i]!,
          });
      }
    }
  }
}

/**
 * Measures the densities up to which convolutions of spikes are faster event-driven than dense, with the instruction set
 * and the threads in use. Uses them from now on, and writes them to `sew/break-even-<instruction set>.json` in
 * `$XDG_CACHE_HOME` or `~/.cache`, where later processes read them. It takes some seconds; the machine should be idle.
 *
 * It is never called automatically: the choice changes the order of sums, and so the rounding, and measurements vary.
 *
 * @returns the break-evens, and the path of the file
 * @throws Error when the file cannot be written, or the addon cannot be loaded
 */
export function calibrateBreakEvens(): { readonly breakEvens: BreakEvens; readonly file: string } {
  const set = instructionSet();
  const timed = new Map<string, TimedConvolution[]>(convolutionKinds.map((kind) => [kind, []]));
  for (const layer of layers) timeLayer(layer, (kind, convolution) => timed.get(kind)!.push(convolution));
  const breakEvens = Object.fromEntries(
    [...timed].map(([kind, convolutions]) => [kind, breakEvenOf(convolutions)]),
  ) as BreakEvens;
  const file = writeBreakEvens(set, breakEvens);
  useCalibrated(set, breakEvens);
  return { breakEvens, file };
}
