/** @file NormNeuron and NormNeuronTraining: batch norm and the neurons behind it in one pass, and their gradient. */
import {
  type NormNeuronAttrs,
  type NormNeuronGradAttrs,
  normNeuronKernel,
  normNeuronTrainingKernel,
} from "@sew/kernels";
import type { KernelConfig, TensorInfo } from "@tensorflow/tfjs-core";
import { runNative } from "../addon.js";
import { floatKernel, sizeOf } from "../kernel.js";
import { firingKernel, neuronCall, runFiring } from "./multiStepNeuron.js";

const normNeuronConfig = firingKernel<NormNeuronAttrs>(normNeuronKernel.name, (tensors, attrs, backend) => {
  const inputs = Object.values(tensors);
  const x = inputs[0]!;
  const call = neuronCall(x, attrs);
  const arrays = inputs.map((t) => backend.floats(t));
  return [runFiring("normNeuron", [attrs.epsilon, ...call.numbers], call, x, backend, arrays)];
});

const normNeuronTrainingConfig = firingKernel<NormNeuronAttrs>(
  normNeuronTrainingKernel.name,
  (tensors, attrs, backend) => {
    const [x, ...others] = Object.values(tensors) as [TensorInfo, ...TensorInfo[]];
    const channels = x.shape.at(-1)!;
    const [mean, means] = backend.output([channels]);
    const [variance, variances] = backend.output([channels]);
    const currents = backend.floats(x);
    runNative("batchStatistics", [sizeOf(x.shape) / channels, channels], currents, means, variances);
    const call = neuronCall(x, attrs);
    const arrays = [currents, means, variances, ...others.map((t) => backend.floats(t))];
    return [runFiring("normNeuron", [attrs.epsilon, ...call.numbers], call, x, backend, arrays), mean, variance];
  },
);

const normNeuronGradConfig: KernelConfig = floatKernel<TensorInfo[], NormNeuronGradAttrs>(
  normNeuronKernel.gradient!.name,
  (tensors, attrs, backend) => {
    const inputs = Object.values(tensors);
    const [x, , , scale, offset] = inputs as [TensorInfo, TensorInfo, TensorInfo, TensorInfo, TensorInfo];
    const parameters = inputs.slice(5, -1);
    const dSpikes = inputs.at(-1)!;
    const arrays = inputs.map((t) => backend.floats(t));
    const dx = attrs.overwrite ? backend.outputOver(dSpikes) : backend.output(x.shape);
    const outputs = [dx, ...[scale, offset, ...parameters].map(({ shape }) => backend.output(shape))];
    const { numbers, code } = neuronCall(x, attrs);
    const settings = [attrs.epsilon, attrs.ownStatistics ? 1 : 0, ...numbers];
    runNative("normNeuronGrad", settings, code, ...arrays, ...outputs.map(([, values]) => values));
    return outputs.map(([info]) => info);
  },
);

export const kernels: readonly KernelConfig[] = [normNeuronConfig, normNeuronTrainingConfig, normNeuronGradConfig];
