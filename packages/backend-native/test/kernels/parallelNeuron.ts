/** @file The parallel neurons: their definition, and after a batch norm the kernels of both, one after the other. */
import {
  type NeuronFormula,
  type NeuronProgram,
  type NormNeuronAttrs,
  type NormNeuronGradAttrs,
  neuronFormula,
} from "@sew/kernels";
import { atan, constant, type Spike, scaledAtan } from "@sew/surrogates";
import * as fc from "fast-check";
import { type AddonCall, type Call, float32s, type KernelCase, runKernelOn } from "../kernelCase.js";
import { evaluated } from "../programs.js";
import { about, edgeSizes, floats, integers, seeds, sizeOf, type Values } from "../values.js";
import { currents, formulaOf, smallCode } from "./multiStepNeuron.js";
import { batchNormalised, epsilons, moved, normGradient, ownMean, positive } from "./norm.js";
import { attrsOf, normalised, shapes as normShapes } from "./normNeuron.js";

/** Surrogates whose slopes are exact operations. */
const surrogates: Readonly<Record<string, () => Spike>> = {
  ArcTan: () => atan(),
  scaled: () => scaledAtan(),
  constant: () => constant(),
};
const programs = new Map<string, NeuronProgram>();

/** S = Θ(H) as a program. */
export function fireProgram(name: string): NeuronProgram {
  if (!programs.has(name)) {
    const spike = surrogates[name]!();
    const step: NeuronFormula["step"] = (_, h) => ({ spikes: spike(h), state: {} });
    programs.set(name, neuronFormula({ name, params: {}, state: () => ({}), step }).program!);
  }
  return programs.get(name)!;
}

/**
 * Steps T, those of the currents T', and neurons [..., C]: about the width of vectors, the neurons of a block, which are 1024 up
 * to T = 21, 256 for T = 70 and 64 for T = 400, and 32 chunks of one block.
 */
const shapes: fc.Arbitrary<{ readonly steps: number; readonly inputs: number; readonly neurons: readonly number[] }> =
  fc.oneof(
    {
      weight: 9,
      arbitrary: fc.record({
        steps: fc.integer({ min: 1, max: 20 }),
        inputs: fc.integer({ min: 1, max: 20 }),
        neurons: fc.oneof(
          fc.tuple(edgeSizes),
          fc.tuple(fc.constantFrom(1, 3, 32, 33), edgeSizes),
          fc.tuple(about(1024)),
        ),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        { steps: 70, inputs: 70, neurons: [257] },
        { steps: 70, inputs: 73, neurons: [2, 256] },
        { steps: 400, inputs: 3, neurons: [67] },
        { steps: 2, inputs: 3, neurons: [3300, 10] },
        { steps: 3, inputs: 2, neurons: [0, 2] },
        { steps: 2, inputs: 2, neurons: [] },
      ),
    },
  );

/** Numbers k / 8 for k from -3 to 3, of a band alone where `banded`. */
function weights(steps: number, inputs: number, seed: number, banded: boolean): Values {
  const { data, ...rest } = floats([steps, inputs], seed, "integers");
  const isZero = (at: number) => {
    const back = (at % inputs) - (inputs - steps) - Math.floor(at / inputs);
    return banded && (back > 0 || back < -2);
  };
  return { ...rest, data: (data as Float32Array).map((v, i) => (isZero(i) ? 0 : v / 8)) };
}

/** Odd multiples of 1/16: with the weights above and integers for currents, H is exact and never 0. */
function biases(steps: number, seed: number): Values {
  const next = integers(seed);
  return {
    shape: [steps, 1],
    dtype: "float32",
    data: Float32Array.from({ length: steps }, () => (next() % 16) / 8 - 15 / 16),
  };
}

interface ParallelCall {
  readonly x: Values;
  readonly rows: Values;
  readonly bias: Values;
  readonly dSpikes: Values;
  readonly attrs: NeuronFormula;
}

const drawn: fc.Arbitrary<ParallelCall> = fc
  .record({ shape: shapes, name: fc.constantFrom(...Object.keys(surrogates)), seed: seeds, banded: fc.boolean() })
  .map(({ shape: { steps, inputs, neurons }, name, seed, banded }) => ({
    x: floats([inputs, ...neurons], seed, "integers"),
    rows: weights(steps, inputs, seed + 1, banded),
    bias: biases(steps, seed + 2),
    dSpikes: floats([steps, ...neurons], seed + 3, "reals"),
    attrs: formulaOf(fireProgram(name)),
  }));

/** H = W X + B in exact arithmetic, and with the neurons of a step. */
function charged([x, rows, bias]: readonly Values[]) {
  const [steps, inputs] = rows!.shape as [number, number];
  const n = sizeOf(x!.shape.slice(1));
  const h = new Float64Array(steps * n);
  for (let t = 0; t < steps; t++) {
    for (let i = 0; i < n; i++) {
      let sum = bias!.data[t]!;
      for (let j = 0; j < inputs; j++) sum += rows!.data[t * inputs + j]! * x!.data[j * n + i]!;
      h[t * n + i] = sum;
    }
  }
  return { steps, inputs, n, h };
}

/** A sum in float32, and how far off it may be. */
class Sum {
  value = 0;
  magnitude = 0;
  add(term: number): void {
    this.value += term;
    this.magnitude += Math.abs(term);
  }
}
const expectedOf = (shape: readonly number[], sums: readonly Sum[]) => ({
  shape,
  data: sums.map(({ value }) => value),
  within: sums.map(({ magnitude }) => magnitude * 2 ** -18),
});
const sumsOf = (count: number) => Array.from({ length: count }, () => new Sum());

const inputsOf = ({ inputs }: Call) => inputs as readonly Values[];

/** The spikes or gradients of the native kernel of parallel neurons. */
const runParallel = (kernel: string, inputs: readonly Values[], { program }: NeuronFormula): Values[] =>
  runKernelOn("native", kernel, { inputs, attrs: formulaOf(program!) });

const normCalls = fc
  .record({
    shape: normShapes,
    name: fc.constantFrom(...Object.keys(surrogates)),
    epsilon: epsilons,
    seed: seeds,
    far: fc.constantFrom(0, 0, 1000),
  })
  .map(({ shape, name, epsilon, seed, far }) => {
    const [steps, channels] = [shape[0]!, shape.at(-1)!];
    const channel = (i: number) => floats([channels], seed + i, "reals");
    return {
      x: moved(currents(shape, seed), far),
      statistics: [channel(1), positive(channel(2))],
      affine: [channel(3), channel(4)],
      matrices: [floats([steps, steps], seed + 5, "reals"), floats([steps, 1], seed + 6, "reals")],
      dSpikes: floats(shape, seed + 7, "reals"),
      attrs: attrsOf(fireProgram(name), epsilon),
    };
  });

export const cases: readonly KernelCase[] = [
  {
    kernel: "ParallelNeuron",
    calls: drawn.map(({ x, rows, bias, attrs }) => ({ inputs: [x, rows, bias], attrs })),
    expected: (call) => {
      const { steps, h } = charged(inputsOf(call));
      const { forward } = (call.attrs as { program: NeuronProgram }).program;
      const shape = [steps, ...inputsOf(call)[0]!.shape.slice(1)];
      return [{ shape, data: h.map((value) => evaluated(forward, [value])[0]!) }];
    },
    // It has no such kernel. parallelNeuron.test.ts compares with the composed operations.
    onCpu: () => false,
  },
  {
    kernel: "ParallelNeuronGrad",
    calls: drawn.map(({ x, rows, bias, dSpikes, attrs }) => ({ inputs: [x, rows, bias, dSpikes], attrs })),
    expected: (call) => {
      const [x, rows, bias, dSpikes] = inputsOf(call) as [Values, Values, Values, Values];
      const { steps, inputs, n, h } = charged([x, rows, bias]);
      const { backward } = (call.attrs as { program: NeuronProgram }).program;
      const [dx, dRows, dBias] = [sumsOf(inputs * n), sumsOf(steps * inputs), sumsOf(steps)];
      for (let t = 0; t < steps; t++) {
        for (let i = 0; i < n; i++) {
          const [d] = evaluated(backward, [h[t * n + i]!, dSpikes.data[t * n + i]!]);
          dBias[t]!.add(d!);
          for (let j = 0; j < inputs; j++) {
            dx[j * n + i]!.add(rows.data[t * inputs + j]! * d!);
            dRows[t * inputs + j]!.add(x.data[j * n + i]! * d!);
          }
        }
      }
      return [expectedOf(x.shape, dx), expectedOf(rows.shape, dRows), expectedOf(bias.shape, dBias)];
    },
    onCpu: () => false,
  },
  {
    kernel: "NormParallelNeuron",
    calls: normCalls.map(({ x, statistics, affine, matrices, attrs }) => ({
      inputs: [x, ...statistics, ...affine, ...matrices],
      attrs,
    })),
    expected: (call) => {
      const attrs = call.attrs as NormNeuronAttrs;
      const y = normalised(inputsOf(call), attrs.epsilon);
      return runParallel("ParallelNeuron", [y, ...inputsOf(call).slice(5)], attrs);
    },
    onCpu: () => false,
  },
  {
    kernel: "NormParallelNeuronTraining",
    calls: normCalls
      .filter(({ x }) => sizeOf(x.shape) > 0)
      .map(({ x, affine, matrices, attrs }) => ({ inputs: [x, ...affine, ...matrices], attrs })),
    expected: (call) => {
      const [x, scale, offset, ...matrices] = inputsOf(call) as [Values, Values, Values, ...Values[]];
      const attrs = call.attrs as NormNeuronAttrs;
      const { epsilon } = attrs;
      const [y] = runKernelOn("native", "BatchNormTraining", { inputs: { x, scale, offset }, attrs: { epsilon } });
      const { mean, variance } = batchNormalised({ x, scale, offset }, epsilon);
      return [...runParallel("ParallelNeuron", [y!, ...matrices], attrs), mean, variance];
    },
    onCpu: () => false,
  },
  {
    kernel: "NormParallelNeuronGrad",
    calls: fc
      .tuple(normCalls, fc.boolean())
      .map(([{ x, statistics, affine, matrices, dSpikes, attrs }, ownStatistics]) => {
        const gradAttrs: NormNeuronGradAttrs = { ...attrs, ownStatistics, overwrite: false };
        const [mean, variance] = statistics as [Values, Values];
        const own = ownStatistics ? ownMean(x).rounded : mean;
        return { inputs: [x, own, variance, ...affine, ...matrices, dSpikes], attrs: gradAttrs };
      }),
    expected: (call) => {
      const [x, mean, variance, scale, offset, ...rest] = inputsOf(call) as [Values, Values, Values, Values, Values];
      const { epsilon, ownStatistics, ...formula } = call.attrs as NormNeuronGradAttrs;
      const y = normalised([x, mean, variance, scale, offset], epsilon);
      const [dy, ...others] = runParallel("ParallelNeuronGrad", [y, ...rest], formula);
      // Gradients may be subnormal.
      const tiny = new Float64Array(dy!.data.length).fill(2 ** -140);
      const norm = { x, scale, mean: ownStatistics ? ownMean(x).exact : mean, variance };
      return [...normGradient(norm, dy!.data, tiny, epsilon, ownStatistics), ...others];
    },
    onCpu: () => false,
  },
];

// Two steps of three currents, and six neurons in three channels.
export const addonCalls: Readonly<Record<string, AddonCall>> = {
  parallelNeuron: {
    numbers: [smallCode.length, 2, 6, 3, 3],
    arrays: [smallCode, ...[18, 6, 2, 3, 12].map(float32s)],
    sizes: [1, 4],
  },
  parallelNeuronGrad: {
    numbers: [smallCode.length, 2, 6, 3, 3],
    arrays: [smallCode, ...[18, 6, 2, 3, 12, 18, 6, 2, 3].map(float32s)],
    sizes: [1, 4],
  },
  normParallelNeuron: {
    numbers: [0.1, smallCode.length, 2, 6, 3, 3],
    arrays: [smallCode, ...[18, 3, 3, 3, 3, 6, 2, 3, 12].map(float32s)],
    sizes: [2, 5],
  },
  normParallelNeuronGrad: {
    numbers: [0.1, 1, smallCode.length, 2, 6, 3, 3],
    arrays: [smallCode, ...[18, 3, 3, 3, 3, 6, 2, 3, 12, 18, 3, 3, 6, 2, 3].map(float32s)],
    sizes: [3, 6],
  },
};
