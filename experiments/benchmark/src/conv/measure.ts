/** @file A convolution and its gradients, each held to the larger of two bounds: arithmetic and memory. */
import { type KernelTrace, NATIVE, type NativeBackend, setThreads, threads, traceKernels } from "@sew/backend-native";
import { engine, findBackend, randomNormal, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { pathOf } from "../explain/explainStep.js";
import { median, time } from "../timing.js";
import { type Convolution, shapeName } from "./shapes.js";

/** The rates of the machine. */
export interface Rates {
  /** Multiply-adds of float32 and of bfloat16, in FLOP/s. */
  readonly float32: number;
  readonly bf16: number;
  /** Bytes a second. */
  readonly bandwidth: number;
}

export const products = ["forward", "input gradient", "filter gradient"] as const;
export type Product = (typeof products)[number];

export interface ProductFigures {
  readonly shape: string;
  readonly networks: readonly string[];
  readonly product: Product;
  /** How the input is stored. */
  readonly storage: "bits" | "counts" | "float32";
  /** Events per element of the input; of float32 1. */
  readonly density: number;
  /** The C++ kernels and the paths inside them. */
  readonly path: string;
  /** Median of the runs, in seconds, and that on one thread. */
  readonly seconds: number;
  readonly oneThread: number;
  /** Multiply-adds of the path that ran, Winograd's own; of event-driven paths additions. */
  readonly operations: number;
  /** Bytes of the operands and the result, each moved once, spikes as they are stored. */
  readonly bytes: number;
  /** Seconds that the operations and the bytes need at the machine's rates. */
  readonly arithmetic: number;
  readonly memory: number;
  /** Share of the time that a C++ kernel other than the convolution's takes, such as to unpack spikes. */
  readonly besides: number;
}

/** The larger bound as a share of the time: 1 is as fast as the machine allows. */
export function shareOf({ arithmetic, memory, seconds }: ProductFigures): number {
  return Math.max(arithmetic, memory) / seconds;
}

/** The names of C++ kernels that compute a product. */
const isProduct = (name: string) => /conv2d/i.test(name);

/** Measures the three products of a convolution; the first layer of a network needs no input gradient. */
export async function measureConvolution(of: Convolution, rates: Rates, runs: number): Promise<ProductFigures[]> {
  const { kernel, stride, padding, size, inChannels, outChannels, networks, x } = of;
  const outSize = Math.floor((size + 2 * padding - kernel) / stride) + 1;
  const filterShape = [kernel, kernel, inChannels, outChannels];
  const filter = randomNormal(filterShape, 0, 0.05, "float32", 1);
  const dy = randomNormal([x.shape[0], outSize, outSize, outChannels], 0, 1e-3, "float32", 2);
  const attrs = { strides: [stride, stride], pad: padding, dataFormat: "NHWC", dilations: [1, 1] };
  const calls: Readonly<Record<Product, [kernel: string, inputs: Record<string, Tensor>, attrs: object]>> = {
    forward: ["Conv2D", { x, filter }, attrs],
    "input gradient": ["Conv2DBackpropInput", { dy, filter }, { ...attrs, inputShape: x.shape }],
    "filter gradient": ["Conv2DBackpropFilter", { x, dy }, { ...attrs, filterShape }],
  };
  const spikes = (findBackend(NATIVE) as NativeBackend).spikes(x);
  const isFirst = spikes === undefined;
  const xBytes = isFirst ? 4 * x.size : spikes.packed.byteLength;
  const bytes: Readonly<Record<Product, number>> = {
    forward: xBytes + 4 * (filter.size + dy.size),
    "input gradient": 4 * (dy.size + filter.size + x.size),
    "filter gradient": xBytes + 4 * (dy.size + filter.size),
  };
  const figures: ProductFigures[] = [];
  for (const product of products) {
    if (isFirst && product === "input gradient") continue;
    const [name, inputs, all] = calls[product];
    const call = () => tidy(() => void engine().runKernel(name, inputs as never, all as never));
    const seconds = median(await time(call, runs));
    const used = threads();
    setThreads(1);
    const oneThread = median(await time(call, Math.ceil(runs / 2)));
    setThreads(used);
    const trace = traceOf(call);
    figures.push({
      shape: shapeName(of),
      networks,
      product,
      storage: spikes?.kind ?? "float32",
      density: spikes === undefined ? 1 : spikes.events / spikes.size,
      path: pathOf([trace]),
      seconds,
      oneThread,
      operations: trace.paths.reduce((sum, { operations }) => sum + operations, 0),
      bytes: bytes[product],
      arithmetic: arithmeticSeconds(trace, rates),
      memory: bytes[product] / rates.bandwidth,
      besides: besides(trace),
    });
  }
  for (const t of [filter, dy]) t.dispose();
  return figures;
}

function traceOf(call: () => void): KernelTrace {
  let last: KernelTrace | undefined;
  traceKernels((trace) => {
    last = trace;
  });
  call();
  traceKernels(undefined);
  return last!;
}

/** A vector of additions takes the place of one of multiply-adds, which count as two operations. */
export function arithmeticSeconds({ paths }: Pick<KernelTrace, "paths">, rates: Rates): number {
  return paths.reduce(
    (sum, { name, operations }) => sum + (2 * operations) / (name.includes("bfloat16") ? rates.bf16 : rates.float32),
    0,
  );
}

function besides({ calls }: KernelTrace): number {
  const sum = (of: typeof calls) => of.reduce((total, { seconds }) => total + seconds, 0);
  return sum(calls.filter(({ name }) => !isProduct(name))) / sum(calls);
}
