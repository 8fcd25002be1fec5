/** @file 7B-Net on event-like input: a training step, a forward pass, and what they take of memory. */
import type { NativeMemory } from "@sew/backend-native";
import { evaluation, type Module, profile } from "@sew/layers";
import { sevenBNet } from "@sew/models";
import { sgd, trainStep } from "@sew/training";
import { memory, type Tensor, tensor, tidy } from "@tensorflow/tfjs-core";
import { time } from "./timing.js";

export interface NetworkResult {
  readonly steps: number;
  readonly batch: number;
  /** Seconds of each run. */
  readonly trainSeconds: readonly number[];
  readonly forwardSeconds: readonly number[];
  /** Operations of the convolutions and the classifier: forward, and a training step. */
  readonly forwardFlops: number;
  readonly trainFlops: number;
  /** Bytes: the largest resident size of the process, and the most that tensors held. */
  readonly peakResident: number;
  readonly peakTensors: number;
  /** Buffers that the measured training steps took from the system. */
  readonly newBuffers: number;
  /** Mean of the spikes of every neuron layer, in order. */
  readonly firingRates: readonly number[];
}

/** Frames `[T, N, 128, 128, 2]` of counts: a tenth of the pixels see 1 or 2 events, in runs as moving edges leave them. */
function eventLike(shape: readonly number[]): Float32Array {
  const values = new Float32Array(shape.reduce((a, b) => a * b));
  const run = 8;
  let state = 1;
  for (let i = 0; i < values.length; i += run) {
    // A linear congruential generator is random enough to place events.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const [fires, polarity, count] = [state < 0.1 * 2 ** 32, (state >> 3) & 1, 1 + ((state >> 4) & 1)];
    if (fires) for (let j = polarity; j < run; j += 2) values[i + j] = count;
  }
  return values;
}

/** The firing rates of the neuron layers, in order. */
function ratesOf(net: Module, x: Tensor): number[] {
  const rates: number[] = [];
  tidy(() =>
    net.forward(x, {
      training: true,
      seed: 0,
      observe(module, y) {
        if ("neuron" in module) rates.push(y.dataSync<"float32">().reduce((a, b) => a + b) / y.size);
      },
    }),
  );
  return rates;
}

/** Times training steps (batch in, weights updated, loss read) and forward passes. */
export async function measureNetwork(steps: number, batch: number, runs: number): Promise<NetworkResult> {
  const net = sevenBNet({ classes: 11, height: 128, width: 128 });
  const shape = [steps, batch, 128, 128, 2];
  const x = eventLike(shape);
  const labels = Int32Array.from({ length: batch }, (_, i) => i % 11);
  const input = tensor(x, shape);
  const macs = profile(net, shape)
    .map((layer) => layer.macs)
    .filter((count) => count > 0);
  const firingRates = ratesOf(net, input);
  const optimizer = sgd(net);
  optimizer.setLearningRate(0.001);
  const allocations = () => (memory() as unknown as NativeMemory).allocations;
  const warmUp = 3;
  let before = 0;
  const trainSeconds = await time(
    async (run) => {
      if (run === warmUp) before = allocations();
      await trainStep(net, optimizer, { x, shape, labels }, run);
    },
    runs,
    warmUp,
  );
  const newBuffers = allocations() - before;
  const { peakBytes } = memory() as unknown as NativeMemory;
  const peakResident = process.resourceUsage().maxRSS * 1024;
  const forwardSeconds = await time(() => tidy(() => net.forward(input, evaluation).dataSync()), runs, warmUp);
  const forwardFlops = 2 * macs.reduce((a, b) => a + b, 0);
  return {
    ...{ steps, batch, trainSeconds, forwardSeconds, forwardFlops },
    // The first convolution's input needs no gradient: two products instead of three.
    trainFlops: 3 * forwardFlops - 2 * macs[0]!,
    ...{ peakResident, peakTensors: peakBytes, newBuffers, firingRates },
  };
}
