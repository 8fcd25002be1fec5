import "@tensorflow/tfjs-backend-cpu";
import {
  findBackendFactory,
  getKernel,
  getKernelsForBackend,
  type KernelConfig,
  registerBackend,
  registerKernel,
  unregisterKernel,
} from "@tensorflow/tfjs-core";
import { loadAddon } from "./addon.js";
import { NATIVE, NativeBackend } from "./backend.js";
import { applyEnvironment } from "./environment.js";
import { nativeKernels } from "./kernels/index.js";
import { inJavaScript, traced } from "./trace.js";

const factory = () => new NativeBackend();

let warned = false;

/** Registers a kernel of this backend; where it throws, it releases what it has taken. */
function register(kernel: KernelConfig): void {
  const { kernelName, kernelFunc } = kernel;
  // TensorFlow.js keeps the kernels of a backend that was removed, and warns of each that is registered again.
  if (getKernel(kernelName, NATIVE) !== undefined) unregisterKernel(kernelName, NATIVE);
  registerKernel({
    ...kernel,
    backendName: NATIVE,
    kernelFunc: (args) => {
      const backend = args.backend as NativeBackend;
      return traced(kernelName, args.inputs, () => backend.releasingOnError(() => kernelFunc(args)));
    },
  });
}

/** Kernels of the cpu backend that take no memory: the result shares that of the input. */
const sharing: ReadonlySet<string> = new Set(["Identity", "Reshape", "ExpandDims"]);

/** A kernel of the cpu backend. */
function ofCpu(kernel: KernelConfig): KernelConfig {
  const { kernelName, kernelFunc } = kernel;
  if (sharing.has(kernelName)) return kernel;
  return {
    ...kernel,
    kernelFunc: (args) =>
      inJavaScript(
        () => `there is no C++ kernel of ${kernelName}`,
        () => kernelFunc(args),
      ),
  };
}

/**
 * Registers the backend `native` and its kernels with TensorFlow.js, with the settings of the environment variables
 * `SEW_*`. Later calls do nothing. `useBackend` of `@sew/backends` calls it.
 *
 * Where another copy of this package has registered it, that copy's stays, and a warning says so.
 *
 * @throws Error with the reason and the remedy when the addon cannot be loaded; RangeError when an environment variable has
 * a wrong value
 *
 * @example
 * registerNative();
 * await setBackend("native"); // true
 */
export function registerNative(): void {
  // Its type says that there always is one.
  const registered = findBackendFactory(NATIVE) as (() => unknown) | null;
  if (registered === factory) return;
  if (registered !== null) {
    if (warned) return;
    warned = true;
    console.warn(
      "@sew/backend-native: another copy of this package has registered the backend native, and the settings of this one " +
        "have no effect. Install one version of it: npm dedupe, or pnpm dedupe.",
    );
    return;
  }
  loadAddon();
  applyEnvironment();
  const replaced = new Set(nativeKernels.map(({ kernelName }) => kernelName));
  for (const kernel of getKernelsForBackend("cpu")) {
    if (!replaced.has(kernel.kernelName)) register(ofCpu(kernel));
  }
  for (const kernel of nativeKernels) register(kernel);
  registerBackend(NATIVE, factory, 2);
}
