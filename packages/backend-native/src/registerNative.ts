import "@tensorflow/tfjs-backend-cpu";
import { findBackendFactory, getKernelsForBackend, registerBackend, registerKernel } from "@tensorflow/tfjs-core";
import { loadAddon } from "./addon.js";
import { NATIVE, NativeBackend } from "./backend.js";
import { applyEnvironment } from "./environment.js";
import { nativeKernels } from "./kernels/index.js";

/**
 * Registers the backend `native` and its kernels with TensorFlow.js, with the settings of the environment variables
 * `SEW_*`. Later calls do nothing. `useBackend` of `@sew/backends` calls it.
 *
 * @throws Error with the reason when the addon cannot be loaded; RangeError when an environment variable has a wrong value
 *
 * @example
 * registerNative();
 * await setBackend("native"); // true
 */
export function registerNative(): void {
  if (findBackendFactory(NATIVE)) return;
  loadAddon();
  applyEnvironment();
  const replaced = new Set(nativeKernels.map(({ kernelName }) => kernelName));
  for (const kernel of getKernelsForBackend("cpu")) {
    if (!replaced.has(kernel.kernelName)) registerKernel({ ...kernel, backendName: NATIVE });
  }
  for (const kernel of nativeKernels) registerKernel(kernel);
  registerBackend(NATIVE, () => new NativeBackend(), 2);
}
