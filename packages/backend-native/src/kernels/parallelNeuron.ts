/** @file ParallelNeuron: H = W X + B over all time-steps and its spikes in one pass, and the gradient. */
import { type ParallelNeuronAttrs, parallelNeuronKernel } from "@sew/kernels";
import type { KernelConfig, TensorInfo } from "@tensorflow/tfjs-core";
import { runNative } from "../addon.js";
import { floatKernel } from "../kernel.js";
import { firingKernel, type NeuronCall, neuronCall, runFiring } from "./multiStepNeuron.js";

/** The call of parallel neurons over the currents `x` `[T', ..., C]` by the rows of W `[T, T']`. */
export function parallelCall(x: TensorInfo, rows: TensorInfo, attrs: ParallelNeuronAttrs): NeuronCall {
  const [steps, inputs] = rows.shape as [number, number];
  const call = neuronCall([steps, ...x.shape.slice(1)], attrs);
  return { ...call, numbers: [...call.numbers, inputs] };
}

const parallelNeuronConfig = firingKernel<ParallelNeuronAttrs>(parallelNeuronKernel.name, (tensors, attrs, backend) => {
  const [x, ...others] = Object.values(tensors) as [TensorInfo, ...TensorInfo[]];
  const call = parallelCall(x, others[0]!, attrs);
  const fire = (currents: Float32Array) => {
    const arrays = [currents, ...others.map((t) => backend.floats(t))];
    return runFiring("parallelNeuron", call.numbers, call, backend, arrays);
  };
  return [backend.lendFloats(x, fire)];
});

const parallelNeuronGradConfig: KernelConfig = floatKernel<TensorInfo[], ParallelNeuronAttrs>(
  parallelNeuronKernel.gradient!.name,
  (tensors, attrs, backend) => {
    const [x, ...others] = Object.values(tensors) as [TensorInfo, ...TensorInfo[]];
    const { numbers, code } = parallelCall(x, others[0]!, attrs);
    const outputs = [x, ...others.slice(0, -1)].map(({ shape }) => backend.output(shape));
    const arrays = [...others.map((t) => backend.floats(t)), ...outputs.map(([, values]) => values)];
    backend.lendFloats(x, (currents) => runNative("parallelNeuronGrad", numbers, code, currents, ...arrays));
    return outputs.map(([info]) => info);
  },
);

export const kernels: readonly KernelConfig[] = [parallelNeuronConfig, parallelNeuronGradConfig];
