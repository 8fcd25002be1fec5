/** @file The fused neurons of @sew/neurons: all T steps in one pass, and their gradient. */
import type { MULTI_STEP_NEURON, MULTI_STEP_NEURON_GRAD, MultiStepNeuronAttrs } from "@sew/neurons";
import type { KernelConfig, TensorInfo } from "@tensorflow/tfjs-core";
import { runNative } from "../addon.js";
import { floatKernel, sizeOf } from "./kernel.js";

const forward: typeof MULTI_STEP_NEURON = "MultiStepNeuron";
const backward: typeof MULTI_STEP_NEURON_GRAD = "MultiStepNeuronGrad";

// The order of the enumerations in cc/kernels/multiStepNeuron.h.
const charges = {
  integrate: 0,
  leak: 1,
  learnedLeak: 2,
  potentialLeak: 3,
  learnedPotentialLeak: 4,
} satisfies Record<MultiStepNeuronAttrs["charge"], number>;
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
} satisfies Record<MultiStepNeuronAttrs["slope"], number>;

type Inputs<K extends string> = { [key in K]: TensorInfo };

/** The numbers that describe a neuron over the sequence `x` [T, ...] to the C++ kernels, in their order. */
export function neuronNumbers({ shape }: TensorInfo, a: MultiStepNeuronAttrs): number[] {
  return [
    ...[shape[0]!, sizeOf(shape.slice(1)), charges[a.charge], a.tau, a.vThreshold, a.vReset],
    ...[a.reset === "soft" ? 1 : 0, a.detachReset ? 1 : 0, slopes[a.slope], a.alpha],
  ];
}

export const multiStepNeuronConfig: KernelConfig = floatKernel<Inputs<"x" | "v" | "rate">, MultiStepNeuronAttrs>(
  forward,
  ({ x, v, rate }, attrs, backend) => {
    const outputs = [backend.output(x.shape), backend.output(v.shape)];
    const inputs = [x, v, rate].map((t) => backend.floats(t));
    runNative("multiStepNeuron", neuronNumbers(x, attrs), ...inputs, ...outputs.map(([, values]) => values));
    return outputs.map(([info]) => info);
  },
);

export const multiStepNeuronGradConfig: KernelConfig = floatKernel<
  Inputs<"x" | "v" | "rate" | "dSpikes" | "dV">,
  MultiStepNeuronAttrs
>(backward, ({ x, v, rate, dSpikes, dV }, attrs, backend) => {
  const outputs = [backend.output(x.shape), backend.output(v.shape), backend.output([])];
  const inputs = [x, v, rate, dSpikes, dV].map((t) => backend.floats(t));
  runNative("multiStepNeuronGrad", neuronNumbers(x, attrs), ...inputs, ...outputs.map(([, values]) => values));
  return outputs.map(([info]) => info);
});
