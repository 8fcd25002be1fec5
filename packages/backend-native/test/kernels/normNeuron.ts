/** @file The fused norm and neurons: the kernels of both, one after the other, and the definition of the norm's gradient. */
import type { NeuronProgram, NormNeuronAttrs, NormNeuronGradAttrs } from "@sew/kernels";
import { eif, integrateAndFire, lif, type Neuron, neuron, plif, qif } from "@sew/neurons";
import { atan, erf, piecewiseQuadratic, sigmoid } from "@sew/surrogates";
import { scalar, tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { type AddonCall, type Call, float32s, type KernelCase, runKernelOn } from "../kernelCase.js";
import { atRest, evaluated } from "../programs.js";
import { edgeSizes, floats, seeds, sizeOf, type Values } from "../values.js";
import { currents, formulaOf, parametersOf, smallCode, unused } from "./multiStepNeuron.js";
import { batchNormalised, epsilons, moved, normGradient, normShapes, ownMean, positive } from "./norm.js";

/**
 * Sequences [T, rows, C] about the 1024 neurons of a block, C about the width of vectors and far from it; and where the 32
 * chunks become longer than a block, or channels more than it has neurons, or there is none.
 */
export const shapes: fc.Arbitrary<readonly number[]> = fc.oneof(
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

/** Neurons whose gradients are finite. Parameters that are tensors are a program's, for whose values the calls have others. */
const models: Readonly<Record<string, () => Neuron>> = {
  IF: () => neuron(integrateAndFire),
  "soft LIF": () => neuron(lif, { reset: "soft", detachReset: false, tau: 3, vReset: -0.5 }, sigmoid()),
  "LIF of tensors": () =>
    neuron(lif, { vReset: tensor1d([0.1, 0.2]), vThreshold: scalar(0.5), detachReset: false }, piecewiseQuadratic()),
  PLIF: () => neuron(plif, { w: scalar(0) }, atan()),
  QIF: () => neuron(qif, {}, erf()),
  EIF: () => neuron(eif, { vReset: -0.1 }, sigmoid()),
};
const programs = new Map<string, NeuronProgram>();
const programOf = (name: string): NeuronProgram => {
  if (!programs.has(name)) programs.set(name, models[name]!().program!);
  return programs.get(name)!;
};

/** A program as the kernels of norms and neurons take it. */
export const attrsOf = (program: NeuronProgram, epsilon: number): NormNeuronAttrs => ({
  ...formulaOf(program),
  epsilon,
  isLastReader: unused,
});

const names = fc.constantFrom(...Object.keys(models));

const calls = fc
  .record({ shape: shapes, name: names, epsilon: fc.constantFrom(1e-5, 0.5), seed: seeds })
  .map(({ shape, name, epsilon, seed }) => {
    const channels = shape.at(-1)!;
    const channel = (i: number) => floats([channels], seed + i, "reals");
    const norm = [channel(1), positive(channel(2)), channel(3), channel(4)];
    const inputs = [currents(shape, seed), ...norm, ...parametersOf(programOf(name), channels, seed)];
    return { inputs, dSpikes: floats(shape, seed + 5, "reals"), attrs: attrsOf(programOf(name), epsilon) };
  });

/** Sequences of the shapes above that have values, and with the rows of a batch norm's own. */
const trainingShapes = fc.oneof(
  shapes.filter((shape) => sizeOf(shape) > 0),
  normShapes.map((shape) => (shape.length === 2 ? [1, ...shape] : shape)),
);

/** Calls of NormNeuronTraining. */
const trainingCalls = fc
  .record({ shape: trainingShapes, name: names, epsilon: epsilons, seed: seeds, far: fc.constantFrom(0, 0, 1000) })
  .map(({ shape, name, epsilon, seed, far }): Call => {
    const channels = shape.at(-1)!;
    const norm = [1, 2].map((i) => floats([channels], seed + i, "reals"));
    const x = moved(currents(shape, seed), far);
    return {
      inputs: [x, ...norm, ...parametersOf(programOf(name), channels, seed)],
      attrs: attrsOf(programOf(name), epsilon),
    };
  });

/** The state of the neurons at rest, before the sequence. */
function resting({ shape }: Values, program: NeuronProgram, parameters: readonly Values[]): Values[] {
  const step = shape.slice(1);
  const states = atRest(program, sizeOf(step), parameters);
  return states.map((data) => ({ shape: step, dtype: "float32", data }));
}

/** Spikes of the neurons from rest. */
function fired(y: Values, parameters: readonly Values[], attrs: NormNeuronAttrs): Values {
  const program = attrs.program!;
  const inputs = [y, ...resting(y, program, parameters), ...parameters];
  return runKernelOn("native", "MultiStepNeuron", { inputs, attrs: formulaOf(program) })[0]!;
}

/** The normalised currents. */
export function normalised([x, mean, variance, scale, offset]: readonly Values[], varianceEpsilon: number): Values {
  const rows: Values = { ...x!, shape: [1, 1, sizeOf(x!.shape) / mean!.data.length, mean!.data.length] };
  const inputs = { x: rows, mean: mean!, variance: variance!, scale: scale!, offset: offset! };
  const [y] = runKernelOn("native", "FusedBatchNorm", { inputs, attrs: { varianceEpsilon } });
  return { ...y!, shape: x!.shape };
}

const inputsOf = ({ inputs }: Call) => inputs as readonly Values[];

export const cases: readonly KernelCase[] = [
  {
    kernel: "NormNeuron",
    calls: calls.map(({ inputs, attrs }) => ({ inputs, attrs })),
    expected: (call) => {
      const attrs = call.attrs as NormNeuronAttrs;
      const y = normalised(inputsOf(call), attrs.epsilon);
      return [{ shape: y.shape, data: fired(y, inputsOf(call).slice(5), attrs).data }];
    },
    // It has no such kernel. @sew/layers compares with the composed operations.
    onCpu: () => false,
  },
  {
    kernel: "NormNeuronTraining",
    calls: trainingCalls,
    expected: (call) => {
      const [x, scale, offset, ...parameters] = inputsOf(call) as [Values, Values, Values, ...Values[]];
      const attrs = call.attrs as NormNeuronAttrs;
      const { epsilon } = attrs;
      const [y] = runKernelOn("native", "BatchNormTraining", { inputs: { x, scale, offset }, attrs: { epsilon } });
      const { mean, variance } = batchNormalised({ x, scale, offset }, epsilon);
      return [{ shape: x.shape, data: fired(y!, parameters, attrs).data }, mean, variance];
    },
    onCpu: () => false,
  },
  {
    kernel: "NormNeuronGrad",
    calls: fc.tuple(calls, fc.boolean()).map(([{ inputs, dSpikes, attrs }, ownStatistics]) => {
      const gradAttrs: NormNeuronGradAttrs = { ...attrs, ownStatistics, overwrite: false };
      const [x, mean, ...rest] = inputs as [Values, Values, ...Values[]];
      return { inputs: [x, ownStatistics ? ownMean(x).rounded : mean, ...rest, dSpikes], attrs: gradAttrs };
    }),
    expected: (call) => {
      const [x, mean, variance, scale, offset, ...rest] = inputsOf(call) as [Values, Values, Values, Values, Values];
      const [parameters, dSpikes] = [(rest as Values[]).slice(0, -1), (rest as Values[]).at(-1)!];
      const { epsilon, ownStatistics, program } = call.attrs as NormNeuronGradAttrs & { program: NeuronProgram };
      const y = normalised([x, mean, variance, scale, offset], epsilon);
      const state = resting(y, program, parameters);
      const zeros = state.map((v): Values => ({ ...v, data: new Float32Array(v.data.length) }));
      const inputs = [y, ...state, ...parameters, dSpikes, ...zeros];
      const gradients = runKernelOn("native", "MultiStepNeuronGrad", { inputs, attrs: formulaOf(program) });
      const [dy, ...others] = gradients as [Values, ...Values[]];
      const [dState, sums] = [others.slice(0, state.length), others.slice(state.length)];
      // Gradients may be subnormal.
      const dx = normGradient(
        { x, scale, mean: ownStatistics ? ownMean(x).exact : mean, variance },
        dy.data,
        new Float64Array(dy.data.length).fill(2 ** -140),
        epsilon,
        ownStatistics,
      );
      return [...dx, ...sums.map((sum, p) => withRest(sum, p, program, parameters, dState))];
    },
    onCpu: () => false,
  },
];

/** The gradient of a parameter, with what the state at rest adds to it. */
function withRest(
  sum: Values,
  p: number,
  { initialBackward }: NeuronProgram,
  parameters: readonly Values[],
  dState: readonly Values[],
) {
  const data = Float64Array.from(sum.data);
  const magnitude = Float64Array.from(sum.data, Math.abs);
  for (let i = 0; i < (dState[0]?.data.length ?? 0); i++) {
    const of = [...parameters.map((v) => v.data[i % v.data.length]!), ...dState.map((d) => d.data[i]!)];
    const gradient = evaluated(initialBackward, of)[p]!;
    data[i % data.length]! += gradient;
    magnitude[i % data.length]! += Math.abs(gradient);
  }
  // Terms of a sum in float32 over the steps.
  return { shape: sum.shape, data, within: magnitude.map((m) => m * 2 ** -18 + 1e-4) };
}

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  batchStatistics: { numbers: [3, 2], arrays: [float32s(6), float32s(2), float32s(2)], sizes: [0, 1] },
  normNeuron: {
    numbers: [0.1, smallCode.length, 2, 6, 3],
    arrays: [smallCode, ...[12, 3, 3, 3, 3, 3, 12].map(float32s)],
    sizes: [2, 4],
  },
  normNeuronGrad: {
    numbers: [0.1, 1, smallCode.length, 2, 6, 3],
    arrays: [smallCode, ...[12, 3, 3, 3, 3, 3, 12, 12, 3, 3, 3].map(float32s)],
    sizes: [3, 5],
  },
};
