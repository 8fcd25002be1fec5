/** @file Batch norm in training against float64: no less accurate than PyTorch in float32, see docs/numerics.md. */
import { instructionSet, instructionSets, setInstructionSet } from "@sew/backend-native";
import { neuronFormula, normNeuronTraining } from "@sew/kernels";
import { add, grads, type Tensor, tensor, tidy, zeros } from "@tensorflow/tfjs-core";
import { afterAll, describe, expect, it } from "vitest";
import { describeNative } from "./describeNative.js";
import { runKernelOn } from "./kernelCase.js";
import { floats, type Values } from "./values.js";

const EPSILON = 1e-5;

/** Numbers about `mean`, within twice `spread`. */
function numbers(shape: number[], seed: number, mean: number, spread: number): Values {
  const { data } = floats(shape, seed, "reals");
  return { shape, dtype: "float32", data: Float32Array.from(data, (value) => mean + spread * value) };
}

interface Batch {
  readonly rows: number;
  readonly channels: number;
  /** Of the values of x. */
  readonly mean: number;
  readonly spread: number;
  /** What PyTorch 2.13 leaves in float32 of these very numbers, images being NCHW, rounded up: see {@link rms}. */
  readonly torch: Readonly<Record<"y" | "mean" | "variance" | "dx" | "dScale" | "dOffset", number>>;
}

// biome-ignore format: one line a case, so that the figures of a column can be compared
const batches: readonly Batch[] = [
  { rows: 12_544, channels: 64, mean: 0, spread: 1, torch: { y: 4e-8, mean: 2.3e-8, variance: 5.9e-8, dx: 1e-7, dScale: 1.2e-6, dOffset: 1.9e-7 } },
  { rows: 12_544, channels: 64, mean: 10, spread: 1, torch: { y: 2.2e-7, mean: 2.5e-8, variance: 5.8e-8, dx: 1.4e-7, dScale: 1.3e-5, dOffset: 1.9e-7 } },
  { rows: 3136, channels: 256, mean: -20, spread: 2, torch: { y: 2.4e-7, mean: 2.9e-8, variance: 6e-8, dx: 1.4e-7, dScale: 6.1e-6, dOffset: 1.3e-7 } },
  { rows: 784, channels: 512, mean: 0.5, spread: 1, torch: { y: 4.3e-8, mean: 2.7e-8, variance: 5.8e-8, dx: 6.8e-8, dScale: 2.7e-7, dOffset: 6.8e-8 } },
  { rows: 32, channels: 64, mean: 0, spread: 1, torch: { y: 4.3e-8, mean: 2.9e-8, variance: 5.1e-8, dx: 6.4e-8, dScale: 8.5e-8, dOffset: 4.4e-8 } },
  { rows: 16_384, channels: 16, mean: 3, spread: 0.5, torch: { y: 8.6e-8, mean: 2.2e-8, variance: 4.8e-8, dx: 1.3e-7, dScale: 5.2e-6, dOffset: 2.1e-7 } },
];

/** Those whose definition takes below a second. */
const small = batches.filter(({ rows, channels }) => rows * channels < 500_000);

/** Root of the mean squared error, in parts of that of the values. */
function rms(found: ArrayLike<number>, exact: Float64Array): number {
  const squares = exact.reduce((sum, value) => sum + value ** 2, 0);
  return Math.sqrt(exact.reduce((sum, value, i) => sum + (found[i]! - value) ** 2, 0) / squares);
}

/** Batch norm and its gradients in float64. */
function inFloat64({ rows, channels }: Batch, x: Values, dy: Values, scale: Values, offset: Values) {
  const perChannel = (of: (i: number, c: number) => number) => {
    const sums = new Float64Array(channels);
    for (let i = 0; i < rows * channels; i++) sums[i % channels]! += of(i, i % channels);
    return sums;
  };
  const each = (of: (i: number, c: number) => number) =>
    Float64Array.from({ length: rows * channels }, (_, i) => of(i, i % channels));
  const mean = perChannel((i) => x.data[i]! / rows);
  const variance = perChannel((i, c) => (x.data[i]! - mean[c]!) ** 2 / rows);
  const normalised = each((i, c) => (x.data[i]! - mean[c]!) / Math.sqrt(variance[c]! + EPSILON));
  const y = each((i, c) => normalised[i]! * scale.data[c]! + offset.data[c]!);
  const dOffset = perChannel((i) => dy.data[i]!);
  const dScale = perChannel((i) => dy.data[i]! * normalised[i]!);
  const dx = each((i, c) => {
    const centred = dy.data[i]! - dOffset[c]! / rows - (normalised[i]! * dScale[c]!) / rows;
    return (centred * scale.data[c]!) / Math.sqrt(variance[c]! + EPSILON);
  });
  return { y, mean, variance, dx, dScale, dOffset };
}

describeNative("batch norm in training", () => {
  const best = instructionSet();
  afterAll(() => setInstructionSet(best));

  describe.each([...instructionSets()])("with %s", (set) => {
    it.each(batches)(
      "is as accurate as PyTorch's with $rows rows of $channels channels about $mean ± $spread",
      (batch) => {
        setInstructionSet(set);
        const [shape, channel] = [[batch.rows, batch.channels], [batch.channels]];
        const x = numbers(shape, 1, batch.mean, batch.spread);
        const dy = numbers(shape, 2, 0.05, 0.1);
        const [scale, offset] = [numbers(channel, 3, 1, 0.25), numbers(channel, 4, 0, 1)];
        const attrs = { epsilon: EPSILON };
        const forward = runKernelOn("native", "BatchNormTraining", { inputs: { x, scale, offset }, attrs });
        const [y, mean, variance] = forward as [Values, Values, Values];
        const inputs = { x, dy, scale, mean, variance };
        const backward = runKernelOn("native", "BatchNormTrainingGrad", { inputs, attrs });
        const [dx, dScale, dOffset] = backward as [Values, Values, Values];
        const exact = inFloat64(batch, x, dy, scale, offset);
        for (const [name, { data }] of Object.entries({ y, mean, variance, dx, dScale, dOffset })) {
          const key = name as keyof typeof exact;
          // Without a fused multiply-add a value of y has one rounding more.
          const most = batch.torch[key] * (set === "baseline" && key === "y" ? 1.1 : 1);
          expect(rms(data, exact[key]), name).toBeLessThanOrEqual(most);
        }
      },
    );

    it.each(small)(
      "has a scale whose gradient is as accurate in front of neurons, with $rows rows of $channels channels about $mean ± $spread",
      (batch) => {
        setInstructionSet(set);
        const [shape, channel] = [[batch.rows, batch.channels], [batch.channels]];
        const x = numbers(shape, 1, batch.mean, batch.spread);
        const dy = numbers(shape, 2, 0.05, 0.1);
        const [scale, offset] = [numbers(channel, 3, 1, 0.25), numbers(channel, 4, 0, 0)];
        // Neurons that emit their currents.
        const step = (_: object, current: Tensor) => ({ spikes: add(current, 0), state: {} });
        const emitting = neuronFormula({ name: "emitting", params: {}, state: () => ({}), step });
        const attrs = { ...emitting, epsilon: EPSILON, isLastReader: () => false };
        const [, dScale] = tidy(() => {
          const inTime = [4, batch.rows / 4, batch.channels];
          const of = (values: Tensor, factor: Tensor, shift: Tensor) =>
            normNeuronTraining([values, factor, shift], attrs)[0]!;
          const inputs = [tensor(x.data, inTime), tensor(scale.data), zeros(channel)];
          return grads(of)(inputs, tensor(dy.data, inTime)).map((gradient) => gradient.dataSync());
        });
        const exact = inFloat64(batch, x, dy, scale, offset).dScale;
        // Its sums are float32 within a block.
        expect(rms(dScale as Float32Array, exact)).toBeLessThanOrEqual(3e-7);
      },
    );
  });
});
