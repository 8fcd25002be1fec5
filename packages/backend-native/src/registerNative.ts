import "@tensorflow/tfjs-backend-cpu";
import {
  findBackendFactory,
  getKernelsForBackend,
  type KernelFunc,
  registerBackend,
  registerKernel,
} from "@tensorflow/tfjs-core";
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
  const inherited = getKernelsForBackend("cpu").filter(({ kernelName }) => !replaced.has(kernelName));
  for (const kernel of [...inherited, ...nativeKernels]) {
    const kernelFunc: KernelFunc = (args) => (args.backend as NativeBackend).undoOnError(() => kernel.kernelFunc(args));
    registerKernel({ ...kernel, backendName: NATIVE, kernelFunc });
  }
  registerBackend(NATIVE, () => new NativeBackend(), 2);
}
