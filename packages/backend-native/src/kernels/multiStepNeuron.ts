/** @file MultiStepNeuron: the neurons that hand-written kernels know, over all T steps in one pass, and the gradient. */
import {
  type KernelAttrs,
  type KernelInputs,
  multiStepNeuronKernel,
  type NeuronFormula,
  type RecognisedCharge,
  type RecognisedSlope,
} from "@sew/kernels";
import type { KernelConfig, TensorInfo } from "@tensorflow/tfjs-core";
import { type KernelArray, runNative } from "../addon.js";
import type { NativeBackend } from "../backend.js";
import { floatKernel, sizeOf } from "../kernel.js";
import { spikeStorage } from "../spikeStorage.js";
import { countOf, newCount } from "../spikes.js";

// The order of the enumerations in cc/kernels/multiStepNeuron.h.
const charges = {
  integrate: 0,
  leak: 1,
  learnedLeak: 2,
  potentialLeak: 3,
  learnedPotentialLeak: 4,
} satisfies Record<RecognisedCharge["kind"], number>;
const slopes = {
  atan: 0,
  sigmoid: 1,
  rectangular: 2,
  constant: 3,
  scaledAtan: 4,
  piecewiseQuadratic: 5,
  piecewiseExponential: 6,
  softSign: 7,
  superSpike: 8,
  erf: 9,
} satisfies Record<RecognisedSlope["kind"], number>;

/** The numbers that describe a neuron over the sequence `x` [T, ...] to the C++ kernels, in their order. */
export function neuronNumbers({ shape }: TensorInfo, { recognised }: NeuronFormula): number[] {
  if (recognised === undefined) throw new TypeError("neuronNumbers: formula must be one that native kernels know");
  const { charge, vThreshold, vReset, reset, detachReset, slope } = recognised;
  const tau = "tau" in charge ? charge.tau : 0;
  return [
    shape[0]!,
    sizeOf(shape.slice(1)),
    charges[charge.kind],
    tau,
    vThreshold,
    vReset,
    reset === "soft" ? 1 : 0,
    detachReset ? 1 : 0,
    slopes[slope.kind],
    slope.alpha,
  ];
}

/**
 * Runs a kernel that fires at every step of `x` [T, ...], with its other outputs in `more`. The spikes are bits where they
 * can be: a word of bits must not belong to two steps, since two threads would write to it.
 */
export function runFiring(
  kernel: string,
  numbers: readonly number[],
  { shape }: TensorInfo,
  backend: NativeBackend,
  inputs: readonly KernelArray[],
  more: readonly KernelArray[] = [],
): TensorInfo {
  if (spikeStorage() === "off" || (shape[0] !== 1 && sizeOf(shape.slice(1)) % 32 !== 0)) {
    const [info, values] = backend.output(shape);
    runNative(kernel, numbers, ...inputs, values, ...more);
    return info;
  }
  const [info, spikes] = backend.outputSpikes(shape, 1);
  const count = newCount();
  runNative(kernel, numbers, ...inputs, spikes.packed, ...more, count);
  spikes.events = countOf(count);
  return info;
}

const multiStepNeuronConfig: KernelConfig = floatKernel<
  KernelInputs<typeof multiStepNeuronKernel>,
  KernelAttrs<typeof multiStepNeuronKernel>
>(multiStepNeuronKernel.name, ({ x, v, rate }, { formula }, backend) => {
  const inputs = [x, v, rate].map((t) => backend.floats(t));
  const [last, potential] = backend.output(v.shape);
  const spikes = runFiring("multiStepNeuron", neuronNumbers(x, formula), x, backend, inputs, [potential]);
  return [spikes, last];
});

const multiStepNeuronGradConfig: KernelConfig = floatKernel<
  KernelInputs<typeof multiStepNeuronKernel> & { readonly dSpikes: TensorInfo; readonly dV: TensorInfo },
  KernelAttrs<typeof multiStepNeuronKernel>
>(multiStepNeuronKernel.gradient!.name, ({ x, v, rate, dSpikes, dV }, { formula }, backend) => {
  const outputs = [backend.output(x.shape), backend.output(v.shape), backend.output([])];
  const inputs = [x, v, rate, dSpikes, dV].map((t) => backend.floats(t));
  runNative("multiStepNeuronGrad", neuronNumbers(x, formula), ...inputs, ...outputs.map(([, values]) => values));
  return outputs.map(([info]) => info);
});

export const kernels: readonly KernelConfig[] = [multiStepNeuronConfig, multiStepNeuronGradConfig];
