/** @file A pass through a network: how long it takes, where, and what it takes of memory. */
import { type NativeMemory, setPrecision } from "@sew/backend-native";
import { evaluation, type Module, namedBuffers, run } from "@sew/layers";
import { momentum, optimizer as optimizerOf, trainStep } from "@sew/training";
import { memory, type Tensor, tensor, tidy, zerosLike } from "@tensorflow/tfjs-core";
import { type Breakdown, breakdown } from "./breakdown.js";
import { denseFlops } from "./floor.js";
import type { Row } from "./rows.js";
import { time } from "./timing.js";

export interface NetworkFigures {
  /** Of each run. */
  readonly seconds: readonly number[];
  /** See {@link denseFlops}. */
  readonly flops: number;
  /** Bytes: the largest resident size of the process, and the most that tensors held. */
  readonly peakResident: number;
  readonly peakTensors: number;
  /** Buffers that the measured runs took from the system. */
  readonly newBuffers: number;
  /** Of a run after those that were timed, in seconds. */
  readonly breakdown: Breakdown;
  /** Mean of the spikes of every neuron layer, by its path; of a training step, the first one's. */
  readonly firingRates: Readonly<Record<string, number>>;
}

/** Passes after which running statistics that start at 0 are those of the batch, but for 0.9 to this power. */
const SETTLING = 30;

/** One training step after another. */
export function training(net: Module, { shape, classes }: Row, x: Float32Array): (call: number) => Promise<unknown> {
  const optimizer = optimizerOf(net, momentum());
  const labels = Int32Array.from({ length: shape[1] }, (_, i) => i % classes);
  return (call) => trainStep(net, optimizer, { x, shape, labels }, { learningRate: 0.001, seed: call });
}

/** One forward pass after another, the running statistics settled: at their initial variance of 1 few neurons fire. */
export function forward(net: Module, x: Tensor): () => void {
  for (const statistic of namedBuffers(net).values()) tidy(() => statistic.assign(zerosLike(statistic)));
  for (let i = 0; i < SETTLING; i++) tidy(() => void run(net, x, { training: true, seed: i }));
  return () => tidy(() => void run(net, x, evaluation).dataSync());
}

/** Passes after which V8 has compiled what runs in each. */
const COMPILING = 20;

const used = () => memory() as unknown as NativeMemory;

/** Measures a row in this process, which should be a new one: the largest resident size is all the process's. */
export async function measureNetwork(row: Row, runs: number): Promise<NetworkFigures> {
  const { shape, pass, recompute, precision = "float32" } = row;
  setPrecision(precision);
  const build = () => row.build(shape, { ...(recompute && { recompute }) });
  const net = build();
  const values = row.input(shape);
  const step = pass === "train" ? training(net, row, values) : forward(net, tensor(values, [...shape]));
  let before = 0;
  const begin = () => {
    before = used().allocations;
  };
  const seconds = await time(step, runs, begin);
  const memoryFigures = {
    newBuffers: used().allocations - before,
    peakTensors: used().peakBytes,
    peakResident: process.resourceUsage().maxRSS * 1024,
  };
  // What follows takes memory of its own, as what draws reports does.
  const { firingRates } = await import("@sew/analysis");
  const divided = await breakdown(step, runs, COMPILING);
  const x = tensor(values, [...shape]);
  const { layers } = pass === "train" ? await firingRates(build(), x, { training: true }) : await firingRates(net, x);
  return {
    seconds,
    flops: denseFlops(net, shape, pass),
    ...memoryFigures,
    breakdown: divided,
    firingRates: Object.fromEntries(Object.entries(layers).map(([path, { rate }]) => [path, rate])),
  };
}
