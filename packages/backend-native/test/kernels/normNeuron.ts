/** @file The fused norm and neurons: the definitions of both, one after the other. */
import type { NormNeuronAttrs, NormNeuronGradAttrs } from "@sew/kernels";
import * as fc from "fast-check";

import { type AddonCall, float32s, type KernelCase, kernelCase } from "../kernelCase.js";
import { edgeSizes, floats, seeds, sizeOf, type Values } from "../values.js";
import {
  backward,
  backwardError,
  currents,
  forward,
  recognisedFormula,
  recognisedNeurons,
  spikeErrors,
  unused,
} from "./multiStepNeuron.js";
import { batchNormalised, epsilons, moved, normGradient, normShapes, positive } from "./norm.js";

const f = Math.fround;

/**
 * Sequences [T, rows, C] about the 1024 neurons of a block, C about the width of vectors and far from it; and where the 32
 * chunks become longer than a block, or channels more than it has neurons, or there is none.
 */
const shapes: fc.Arbitrary<readonly number[]> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .tuple(
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom(1, 2, 7, 31, 32, 33, 64, 65, 129),
        fc.oneof(edgeSizes, fc.constantFrom(64, 100)),
      )
      .map((shape): readonly number[] => shape),
  },
  { weight: 1, arbitrary: fc.constantFrom([1, 1024, 32], [2, 509, 65], [1, 23, 1500], [2, 3, 1500], [2, 0, 5]) },
);

const attrsOf = (epsilons: fc.Arbitrary<number>): fc.Arbitrary<NormNeuronAttrs> =>
  fc.record({ epsilon: epsilons, neuron: recognisedNeurons }).map(({ epsilon, neuron }) => ({
    epsilon,
    formula: recognisedFormula(neuron),
    initialState: unused,
    isLastReader: unused,
  }));
const rates = fc.constantFrom(0.5, 0.25, 0.9);
const rateOf = (rate: number): Values => ({ shape: [], dtype: "float32", data: Float32Array.of(rate) });

const calls = fc
  .record({ shape: shapes, attrs: attrsOf(fc.constantFrom(1e-5, 0.5)), seed: seeds, rate: rates })
  .map(({ shape, attrs, seed, rate }) => {
    const channel = (i: number) => floats([shape.at(-1)!], seed + i, "reals");
    return {
      inputs: {
        x: currents(shape, seed),
        mean: channel(1),
        variance: positive(channel(2)),
        scale: channel(3),
        offset: channel(4),
        rate: rateOf(rate),
        dSpikes: floats(shape, seed + 5, "reals"),
      },
      attrs,
    };
  });

/** Sequences of the shapes above that have values, and with the rows of a batch norm's own. */
const trainingShapes = fc.oneof(
  shapes.filter((shape) => sizeOf(shape) > 0),
  normShapes.map((shape) => (shape.length === 2 ? [1, ...shape] : shape)),
);

/** Calls of NormNeuronTraining. */
export const trainingCalls = fc
  .record({
    shape: trainingShapes,
    attrs: attrsOf(epsilons),
    seed: seeds,
    rate: rates,
    far: fc.constantFrom(0, 0, 1000),
  })
  .map(({ shape, attrs, seed, rate, far }) => ({
    inputs: {
      x: moved(currents(shape, seed), far),
      scale: floats([shape.at(-1)!], seed + 1, "reals"),
      offset: floats([shape.at(-1)!], seed + 2, "reals"),
      rate: rateOf(rate),
    },
    attrs,
  }));

type Inputs = Record<"x" | "mean" | "variance" | "scale" | "offset" | "rate", Values>;

/** The potential of neurons at rest, before a sequence. */
const resting = ({ shape }: Values, { formula }: NormNeuronAttrs): Values => {
  const data = new Float32Array(sizeOf(shape.slice(1))).fill(formula.recognised!.vReset);
  return { shape: shape.slice(1), dtype: "float32", data };
};

/** The normalised currents, each operation rounded to float32 as the kernel rounds it. */
function normalised({ x, mean, variance, scale, offset }: Inputs, epsilon: number): Values {
  const C = mean.data.length;
  const factor = Array.from(scale.data, (s, c) => f(s / Math.sqrt(variance.data[c]! + epsilon)));
  const data = (x.data as Float32Array).map((value, i) =>
    f(f(f(value - mean.data[i % C]!) * factor[i % C]!) + offset.data[i % C]!),
  );
  return { ...x, data };
}

export const cases: readonly KernelCase[] = [
  kernelCase({
    kernel: "NormNeuron",
    calls: calls.map(({ inputs: { dSpikes: _, ...inputs }, attrs }) => ({ inputs, attrs })),
    expected: (inputs, attrs) => {
      const y = normalised(inputs, attrs.epsilon);
      const { s } = forward(y, resting(y, attrs), inputs.rate, attrs.formula.recognised!);
      return [{ shape: y.shape, data: s }];
    },
    onCpu: () => false,
  }),
  kernelCase({
    kernel: "NormNeuronTraining",
    calls: trainingCalls,
    expected: ({ rate, ...inputs }, attrs) => {
      const { y, mean, variance } = batchNormalised(inputs, attrs.epsilon);
      const neuron = attrs.formula.recognised!;
      const x: Values = { ...inputs.x, data: Float32Array.from(y.data) };
      const trace = forward(x, resting(x, attrs), rate, neuron);
      return [{ shape: y.shape, data: trace.s, within: spikeErrors(y, trace, neuron) }, mean, variance];
    },
    // It has no such kernel. normNeuronTraining.test.ts compares with the kernels that it joins.
    onCpu: () => false,
  }),
  kernelCase({
    kernel: "NormNeuronGrad",
    calls: fc.tuple(calls, fc.boolean()).map(([{ inputs, attrs }, ownStatistics]) => {
      const gradAttrs: NormNeuronGradAttrs = { ...attrs, ownStatistics, overwrite: false };
      return { inputs, attrs: gradAttrs };
    }),
    expected: ({ dSpikes, ...inputs }, attrs) => {
      const y = normalised(inputs, attrs.epsilon);
      const v = resting(y, attrs);
      const dV: Values = { ...v, data: new Float32Array(v.data.length) };
      const { dx, dRate, scales } = backward({ x: y, v, rate: inputs.rate, dSpikes, dV }, attrs.formula.recognised!);
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
