/** @file The fused norm and neurons of @sew/layers: statistics, spikes, and the gradient. */
import type {
  BATCH_STATISTICS,
  NORM_NEURON,
  NORM_NEURON_GRAD,
  NormNeuronAttrs,
  NormNeuronGradAttrs,
} from "@sew/layers";
import type { KernelConfig, TensorInfo } from "@tensorflow/tfjs-core";
import { runNative } from "../addon.js";
import { floatKernel, sizeOf } from "../kernel.js";
import { neuronNumbers, runFiring } from "./multiStepNeuron.js";

const statistics: typeof BATCH_STATISTICS = "BatchStatistics";
const forward: typeof NORM_NEURON = "NormNeuron";
const backward: typeof NORM_NEURON_GRAD = "NormNeuronGrad";

type Inputs<K extends string> = { [key in K]: TensorInfo };

const batchStatisticsConfig: KernelConfig = floatKernel<Inputs<"x">, unknown>(statistics, ({ x }, _, backend) => {
  const channels = x.shape.at(-1)!;
  const outputs = [backend.output([channels]), backend.output([channels])];
  runNative(
    "batchStatistics",
    [sizeOf(x.shape) / channels, channels],
    backend.floats(x),
    ...outputs.map(([, values]) => values),
  );
  return outputs.map(([info]) => info);
});

const normNeuronConfig: KernelConfig = floatKernel<
  Inputs<"x" | "mean" | "variance" | "scale" | "offset" | "rate">,
  NormNeuronAttrs
>(forward, ({ x, mean, variance, scale, offset, rate }, { epsilon, neuron }, backend) => {
  const inputs = [x, mean, variance, scale, offset, rate].map((t) => backend.floats(t));
  const numbers = [x.shape.at(-1)!, epsilon, ...neuronNumbers(x, neuron)];
  return [runFiring("normNeuron", numbers, x, backend, inputs)];
});

const normNeuronGradConfig: KernelConfig = floatKernel<
  Inputs<"x" | "mean" | "variance" | "scale" | "offset" | "rate" | "dSpikes">,
  NormNeuronGradAttrs
>(backward, ({ x, mean, variance, scale, offset, rate, dSpikes }, attrs, backend) => {
  const inputs = [x, mean, variance, scale, offset, rate, dSpikes].map((t) => backend.floats(t));
  const dx = attrs.overwrite ? backend.outputOver(dSpikes) : backend.output(x.shape);
  const outputs = [dx, ...[scale, offset, rate].map(({ shape }) => backend.output(shape))];
  const numbers = [x.shape.at(-1)!, attrs.epsilon, attrs.ownStatistics ? 1 : 0, ...neuronNumbers(x, attrs.neuron)];
  runNative("normNeuronGrad", numbers, ...inputs, ...outputs.map(([, values]) => values));
  return outputs.map(([info]) => info);
});

export const kernels: readonly KernelConfig[] = [batchStatisticsConfig, normNeuronConfig, normNeuronGradConfig];
