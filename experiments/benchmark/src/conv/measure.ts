/** @file A convolution and its gradients, each held to the larger of two bounds: arithmetic and memory. */
import { type KernelTrace, NATIVE, type NativeBackend, setThreads, threads, traceKernels } from "@sew/backend-native";
import {
  conv2d,
  engine,
  findBackend,
  ones,
  randomNormal,
  type Tensor,
  type Tensor4D,
  tidy,
} from "@tensorflow/tfjs-core";
import { pathOf } from "../explain/explainStep.js";
import { arithmeticSeconds, type Peaks } from "../peak.js";
import { median, time } from "../timing.js";
import { type Convolution, shapeName } from "./shapes.js";

/** The rates of the machine. */
export interface Rates extends Peaks {
  /** Bytes a second. */
  readonly bandwidth: number;
  /** Time of a convolution of one number, in seconds: what a call takes before it computes. */
  readonly call: number;
}

/** Time of a convolution of one number, in seconds. */
export async function measureCall(runs: number): Promise<number> {
  const one = ones([1, 1, 1, 1]) as Tensor4D;
  const seconds = median(await time(() => tidy(() => void conv2d(one, one, 1, "valid")), runs));
  one.dispose();
  return seconds;
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
  /** Additions of a list of spikes, on average; 0 on other paths. */
  readonly additionsPerList: number;
  /** Bytes of the operands and the result, each moved once, spikes as they are stored. */
  readonly bytes: number;
  /** Seconds that the operations and the bytes need at the machine's rates. */
  readonly arithmetic: number;
  readonly memory: number;
  /** Share of the time that is the call itself. */
  readonly call: number;
  /** Shares of the time that go elsewhere: other C++ kernels, by name, and steps of the convolution's own. */
  readonly besides: Readonly<Record<string, number>>;
}

/** The larger bound as a share of the time: 1 is as fast as the machine allows. */
export function shareOf({ arithmetic, memory, seconds }: ProductFigures): number {
  return Math.max(arithmetic, memory) / seconds;
}

/** The share of the peak that the operations reach in the time that is left to them, at most 1. */
export function operationsShare({ arithmetic, seconds, call, besides }: ProductFigures): number {
  const elsewhere = Object.values(besides).reduce((sum, share) => sum + share, call);
  return arithmetic / Math.max(arithmetic, seconds * (1 - elsewhere));
}

/** Calls that are traced. */
const TRACED = 3;

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
    const inCall = Math.min(1, rates.call / seconds);
    const lists = trace.paths.reduce((sum, path) => sum + path.lists, 0);
    const listed = trace.paths.reduce((sum, path) => sum + (path.lists > 0 ? path.operations : 0), 0);
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
      additionsPerList: lists === 0 ? 0 : listed / lists,
      bytes: bytes[product],
      arithmetic: arithmeticSeconds(trace.paths, rates),
      memory: bytes[product] / rates.bandwidth,
      call: inCall,
      besides: besides(trace, used, 1 - inCall),
    });
  }
  for (const t of [filter, dy]) t.dispose();
  return figures;
}

/** The trace of the fastest of some calls. */
function traceOf(call: () => void): KernelTrace {
  const found: KernelTrace[] = [];
  traceKernels((trace) => found.push(trace));
  for (let i = 0; i < TRACED; i++) call();
  traceKernels(undefined);
  return found.reduce((fastest, each) => (each.seconds < fastest.seconds ? each : fastest));
}

/** What takes time beside the operations, as shares of all time, of which the kernels have the share `inKernels`. */
export function besides(
  { calls, steps }: Pick<KernelTrace, "calls" | "steps">,
  usedThreads: number,
  inKernels: number,
): Record<string, number> {
  const all = calls.reduce((sum, { seconds }) => sum + seconds, 0);
  const shares: Record<string, number> = {};
  const add = (name: string, seconds: number) => {
    shares[name] = (shares[name] ?? 0) + (inKernels * seconds) / all;
  };
  for (const { name, seconds } of calls) if (!isProduct(name)) add(name, seconds);
  for (const { name, seconds } of steps) add(name, seconds / usedThreads);
  return shares;
}
