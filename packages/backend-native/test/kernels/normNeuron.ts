/** @file The fused norm and neurons: the definitions of both, one after the other. */
import type { NormNeuronAttrs } from "@sew/layers";
import * as fc from "fast-check";
import { type AddonCall, float32s, type KernelCase, kernelCase } from "../kernelCase.js";
import { edgeSizes, floats, seeds, type Values } from "../values.js";
import { backward, backwardError, currents, forward, neuronAttrs } from "./multiStepNeuron.js";
import { normGradient, positive } from "./norm.js";

const f = Math.fround;

/**
 * Sequences [T, rows, C] about the 1024 neurons of a block, C about the width of vectors and far from it; and where the 32
 * chunks become longer than a block, or channels more than it has neurons, or there is none.
 */
const shapes = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .tuple(
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom(1, 2, 7, 31, 32, 33, 64, 65, 129),
        fc.oneof(edgeSizes, fc.constantFrom(64, 100)),
      )
      .map((shape): number[] => shape),
  },
  { weight: 1, arbitrary: fc.constantFrom([1, 1024, 32], [2, 509, 65], [1, 23, 1500], [2, 3, 1500], [2, 0, 5]) },
);

const attrs: fc.Arbitrary<NormNeuronAttrs> = fc.record({
  epsilon: fc.constantFrom(1e-5, 0.5),
  ownStatistics: fc.boolean(),
  neuron: neuronAttrs,
});

const calls = fc
  .record({ shape: shapes, attrs, seed: seeds, rate: fc.constantFrom(0.5, 0.25, 0.9) })
  .map(({ shape, attrs, seed, rate }) => {
    const channel = (i: number) => floats([shape.at(-1)!], seed + i, "reals");
    return {
      inputs: {
        x: currents(shape, seed),
        mean: channel(1),
        variance: positive(channel(2)),
        scale: channel(3),
        offset: channel(4),
        rate: { shape: [], dtype: "float32", data: Float32Array.of(rate) } satisfies Values,
        dSpikes: floats(shape, seed + 5, "reals"),
      },
      attrs,
    };
  });

type Inputs = Record<"x" | "mean" | "variance" | "scale" | "offset" | "rate", Values>;

/** The normalised currents, each operation rounded to float32 as the kernel rounds it, and the potential of rest. */
function normalised({ x, mean, variance, scale, offset }: Inputs, { epsilon, neuron }: NormNeuronAttrs) {
  const C = mean.data.length;
  const factor = Array.from(scale.data, (s, c) => f(s / Math.sqrt(variance.data[c]! + epsilon)));
  const data = (x.data as Float32Array).map((value, i) =>
    f(f(f(value - mean.data[i % C]!) * factor[i % C]!) + offset.data[i % C]!),
  );
  const shape = x.shape.slice(1);
  const v = new Float32Array(data.length / x.shape[0]!).fill(neuron.vReset);
  return {
    y: { ...x, data } satisfies Values,
    v: { shape, dtype: "float32", data: v } satisfies Values,
    zeros: { shape, dtype: "float32", data: new Float32Array(v.length) } satisfies Values,
  };
}

export const cases: readonly KernelCase[] = [
  kernelCase({
    kernel: "NormNeuron",
    calls: calls.map(({ inputs: { dSpikes: _, ...inputs }, attrs }) => ({ inputs, attrs })),
    expected: (inputs, attrs) => {
      const { y, v } = normalised(inputs, attrs);
      return [{ shape: inputs.x.shape, data: forward(y, v, inputs.rate, attrs.neuron).s }];
    },
    onCpu: () => false,
  }),
  kernelCase({
    kernel: "NormNeuronGrad",
    calls: calls.map(({ inputs, attrs }) => ({ inputs, attrs: { ...attrs, overwrite: false } })),
    expected: ({ dSpikes, ...inputs }, attrs) => {
      const { y, v, zeros } = normalised(inputs, attrs);
      const { dx, dRate, scales } = backward({ x: y, v, rate: inputs.rate, dSpikes, dV: zeros }, attrs.neuron);
      const error = backwardError(y.shape[0]!);
      const dyError = scales.dx.map((m) => m * error);
      return [
        ...normGradient(inputs, dx, dyError, attrs.epsilon, attrs.ownStatistics),
        { shape: [], data: [dRate], within: scales.dRate * error },
      ];
    },
    onCpu: () => false,
  }),
];

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  batchStatistics: { numbers: [3, 2], arrays: [float32s(6), float32s(2), float32s(2)], sizes: [0, 1] },
  normNeuron: {
    numbers: [2, 0.1, 2, 4, 1, 2, 1, 0, 0, 1, 0, 2],
    arrays: [8, 2, 2, 2, 2, 1, 8].map(float32s),
    sizes: [2, 3],
  },
  normNeuronGrad: {
    numbers: [2, 0.1, 1, 2, 4, 1, 2, 1, 0, 0, 1, 0, 2],
    arrays: [8, 2, 2, 2, 2, 1, 8, 8, 2, 2, 1].map(float32s),
    sizes: [3, 4],
  },
};
