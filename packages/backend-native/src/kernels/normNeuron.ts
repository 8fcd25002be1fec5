/** @file NormNeuron and NormNeuronTraining: batch norm and the neurons behind it in one pass, and their gradient. */
import {
  type KernelAttrs,
  type KernelInputs,
  type NormNeuronGradAttrs,
  normNeuronKernel,
  normNeuronTrainingKernel,
} from "@sew/kernels";
import type { KernelConfig, TensorInfo } from "@tensorflow/tfjs-core";
import { runNative } from "../addon.js";
import { floatKernel, sizeOf } from "../kernel.js";
import { neuronNumbers, runFiring } from "./multiStepNeuron.js";

type NormAttrs = KernelAttrs<typeof normNeuronKernel>;

const normNeuronConfig: KernelConfig = floatKernel<KernelInputs<typeof normNeuronKernel>, NormAttrs>(
  normNeuronKernel.name,
  ({ x, mean, variance, scale, offset, rate }, { epsilon, formula }, backend) => {
    const inputs = [x, mean, variance, scale, offset, rate].map((t) => backend.floats(t));
    const numbers = [x.shape.at(-1)!, epsilon, ...neuronNumbers(x, formula)];
    return [runFiring("normNeuron", numbers, x, backend, inputs)];
  },
);

const normNeuronTrainingConfig: KernelConfig = floatKernel<KernelInputs<typeof normNeuronTrainingKernel>, NormAttrs>(
  normNeuronTrainingKernel.name,
  ({ x, scale, offset, rate }, { epsilon, formula }, backend) => {
    const channels = x.shape.at(-1)!;
    const [mean, means] = backend.output([channels]);
    const [variance, variances] = backend.output([channels]);
    const currents = backend.floats(x);
    runNative("batchStatistics", [sizeOf(x.shape) / channels, channels], currents, means, variances);
    const inputs = [currents, means, variances, ...[scale, offset, rate].map((t) => backend.floats(t))];
    const numbers = [channels, epsilon, ...neuronNumbers(x, formula)];
    return [runFiring("normNeuron", numbers, x, backend, inputs), mean, variance];
  },
);

const normNeuronGradConfig: KernelConfig = floatKernel<
  KernelInputs<typeof normNeuronKernel> & { readonly dSpikes: TensorInfo },
  NormNeuronGradAttrs
>(normNeuronKernel.gradient!.name, ({ x, mean, variance, scale, offset, rate, dSpikes }, attrs, backend) => {
  const inputs = [x, mean, variance, scale, offset, rate, dSpikes].map((t) => backend.floats(t));
  const dx = attrs.overwrite ? backend.outputOver(dSpikes) : backend.output(x.shape);
  const outputs = [dx, ...[scale, offset, rate].map(({ shape }) => backend.output(shape))];
  const numbers = [x.shape.at(-1)!, attrs.epsilon, attrs.ownStatistics ? 1 : 0, ...neuronNumbers(x, attrs.formula)];
  runNative("normNeuronGrad", numbers, ...inputs, ...outputs.map(([, values]) => values));
  return outputs.map(([info]) => info);
});

export const kernels: readonly KernelConfig[] = [normNeuronConfig, normNeuronTrainingConfig, normNeuronGradConfig];
