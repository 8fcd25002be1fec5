/** @file Batch norm and the neurons behind it in one pass, step by step or in parallel, and their gradients. */
import {
  type FusedListKernel,
  type NormNeuronAttrs,
  type NormNeuronGradAttrs,
  normNeuronKernel,
  normNeuronTrainingKernel,
  normParallelNeuronKernel,
  normParallelNeuronTrainingKernel,
} from "@sew/kernels";
import type { KernelConfig, TensorInfo } from "@tensorflow/tfjs-core";
import { type KernelArray, runNative } from "../addon.js";
import type { NativeBackend } from "../backend.js";
import { floatKernel } from "../kernel.js";
import { firingKernel, type NeuronCall, neuronCall, runFiring } from "./multiStepNeuron.js";
import { batchStatistics } from "./norm.js";
import { parallelCall } from "./parallelNeuron.js";

/** The call of neurons over `x`, from what their kernel receives behind the norm's offset. */
type CallOf = (x: TensorInfo, others: readonly TensorInfo[], attrs: NormNeuronAttrs) => NeuronCall;

/** The values of x and of all else that the kernels read. */
const arraysOf = ([x, ...others]: readonly TensorInfo[], backend: NativeBackend): KernelArray[] => [
  backend.floatsOrBfloat16(x!),
  ...others.map((t) => backend.floats(t)),
];

/** The kernels of a contract in evaluation and in training, and their gradient; `native` is the name in C++. */
function configs(
  native: string,
  inEvaluation: FusedListKernel<NormNeuronAttrs>,
  inTraining: FusedListKernel<NormNeuronAttrs>,
  callOf: CallOf,
): KernelConfig[] {
  const config = firingKernel<NormNeuronAttrs>(inEvaluation.name, (tensors, attrs, backend) => {
    const inputs = Object.values(tensors);
    const call = callOf(inputs[0]!, inputs.slice(5), attrs);
    const arrays = arraysOf(inputs, backend);
    return [runFiring(native, [attrs.epsilon, ...call.numbers], call, backend, arrays)];
  });

  const trainingConfig = firingKernel<NormNeuronAttrs>(inTraining.name, (tensors, attrs, backend) => {
    const [x, ...others] = Object.values(tensors) as [TensorInfo, ...TensorInfo[]];
    const statistics = batchStatistics(x, backend);
    const call = callOf(x, others.slice(2), attrs);
    const arrays = arraysOf([x, ...statistics, ...others], backend);
    return [runFiring(native, [attrs.epsilon, ...call.numbers], call, backend, arrays), ...statistics];
  });

  const gradConfig = floatKernel<TensorInfo[], NormNeuronGradAttrs>(
    inEvaluation.gradient!.name,
    (tensors, attrs, backend) => {
      const inputs = Object.values(tensors);
      const [x, , , scale, offset] = inputs as [TensorInfo, TensorInfo, TensorInfo, TensorInfo, TensorInfo];
      const others = inputs.slice(5, -1);
      const dSpikes = inputs.at(-1)!;
      const arrays = arraysOf(inputs, backend);
      // Its steps may be others than those of x.
      const overwrite = attrs.overwrite && dSpikes.shape[0] === x.shape[0];
      const dx = overwrite ? backend.outputOver(dSpikes) : backend.output(x.shape);
      const outputs = [dx, ...[scale, offset, ...others].map(({ shape }) => backend.output(shape))];
      const { numbers, code } = callOf(x, others, attrs);
      const settings = [attrs.epsilon, attrs.ownStatistics ? 1 : 0, ...numbers];
      runNative(`${native}Grad`, settings, code, ...arrays, ...outputs.map(([, values]) => values));
      return outputs.map(([info]) => info);
    },
  );
  return [config, trainingConfig, gradConfig];
}

export const kernels: readonly KernelConfig[] = [
  ...configs("normNeuron", normNeuronKernel, normNeuronTrainingKernel, (x, _, attrs) => neuronCall(x.shape, attrs)),
  ...configs("normParallelNeuron", normParallelNeuronKernel, normParallelNeuronTrainingKernel, (x, [rows], attrs) =>
    parallelCall(x, rows!, attrs),
  ),
];
