import "@tensorflow/tfjs-backend-cpu";
import {
  findBackendFactory,
  getKernelsForBackend,
  type KernelConfig,
  registerBackend,
  registerKernel,
} from "@tensorflow/tfjs-core";
import { loadAddon } from "./addon.js";
import { NATIVE, NativeBackend } from "./backend.js";
import { conv2DBackpropFilterConfig, conv2DBackpropInputConfig, conv2DConfig } from "./kernels/conv.js";
import { elementwiseConfigs } from "./kernels/elementwise.js";
import { fillConfigs } from "./kernels/fill.js";
import { batchMatMulConfig } from "./kernels/matMul.js";
import { multiStepNeuronConfig, multiStepNeuronGradConfig } from "./kernels/multiStepNeuron.js";
import {
  batchNormTrainingConfig,
  batchNormTrainingGradConfig,
  fusedBatchNormConfig,
  moveStatisticsConfig,
} from "./kernels/norm.js";
import { normNeuronConfig, normNeuronGradConfig, normNeuronTrainingConfig } from "./kernels/normNeuron.js";
import { applyAdamConfig, applyMomentumConfig } from "./kernels/optimizer.js";
import { avgPoolConfig, avgPoolGradConfig, maxPoolConfig, maxPoolGradConfig } from "./kernels/pooling.js";
import { reduceConfigs } from "./kernels/reduce.js";

/** The kernels that run in C++. Every other operation is the CPU backend's. */
export const nativeKernels: readonly KernelConfig[] = [
  conv2DConfig,
  conv2DBackpropInputConfig,
  conv2DBackpropFilterConfig,
  fusedBatchNormConfig,
  batchNormTrainingConfig,
  batchNormTrainingGradConfig,
  moveStatisticsConfig,
  maxPoolConfig,
  maxPoolGradConfig,
  avgPoolConfig,
  avgPoolGradConfig,
  batchMatMulConfig,
  ...elementwiseConfigs,
  ...fillConfigs,
  ...reduceConfigs,
  multiStepNeuronConfig,
  multiStepNeuronGradConfig,
  normNeuronConfig,
  normNeuronTrainingConfig,
  normNeuronGradConfig,
  applyMomentumConfig,
  applyAdamConfig,
];

/**
 * Registers the backend `native` and its kernels with TensorFlow.js, once. {@link useBackend} does it on demand.
 *
 * @throws Error that says why when the addon cannot be loaded
 */
export function registerNative(): void {
  loadAddon();
  if (findBackendFactory(NATIVE) !== null && findBackendFactory(NATIVE) !== undefined) return;
  const native = new Set(nativeKernels.map(({ kernelName }) => kernelName));
  for (const kernel of getKernelsForBackend("cpu")) {
    if (!native.has(kernel.kernelName)) registerKernel({ ...kernel, backendName: NATIVE });
  }
  for (const kernel of nativeKernels) registerKernel(kernel);
  registerBackend(NATIVE, () => new NativeBackend(), 2);
}
