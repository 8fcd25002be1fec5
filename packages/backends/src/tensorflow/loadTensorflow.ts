import { backend, findBackendFactory, getKernel, setBackend } from "@tensorflow/tfjs-core";
import { BackendUnavailable, importOptional } from "../optionalPackage.js";
import type { TensorflowBackend } from "./backend.js";
import { paddedKernels, takePadding } from "./padding.js";
import { reduceAxisByAxis, summingKernels } from "./sums.js";

/** The name under which both packages register their backend. */
const registered = "tensorflow";

const packages = {
  tensorflow: {
    name: "@tensorflow/tfjs-node",
    load: () => import("@tensorflow/tfjs-node"),
    build: "npx sew-tensorflow",
    buildInClone: "npm run tensorflow",
  },
  "tensorflow-gpu": {
    name: "@tensorflow/tfjs-node-gpu",
    load: () => import("@tensorflow/tfjs-node-gpu"),
    build: "npx sew-tensorflow gpu",
    buildInClone: "npm run tensorflow -- gpu",
  },
};

/** Restores the two functions of `node:util` that tfjs-node 4.22 calls and Node 23 removed. */
async function restoreUtil(): Promise<void> {
  const { default: util } = await import("node:util");
  const removed = util as { isNullOrUndefined?: (value: unknown) => boolean; isArray?: (value: unknown) => boolean };
  removed.isNullOrUndefined ??= (value) => value === undefined || value === null;
  removed.isArray ??= Array.isArray;
}

let isPrepared = false;

/** Registers what TensorFlow.js's kernels lack. Later calls do nothing. */
function prepareKernels(): void {
  if (isPrepared) return;
  isPrepared = true;
  for (const name of paddedKernels) takePadding(getKernel(name, registered));
  for (const name of summingKernels) reduceAxisByAxis(getKernel(name, registered));
}

/**
 * Loads libtensorflow, for the CPU or for CUDA. Warns where CUDA was asked for and there is no GPU.
 *
 * @throws BackendUnavailable when the package is missing or does not load, or when the process has loaded the other one
 */
export async function loadTensorflow(name: keyof typeof packages, warn: (message: string) => void): Promise<string> {
  const { name: npm, load, build, buildInClone } = packages[name];
  const isFirst = findBackendFactory(registered) === null;
  if (isFirst) {
    await restoreUtil();
    // Level 0 prints how the library was compiled; warnings, such as of a missing CUDA library, are of level 1.
    process.env.TF_CPP_MIN_LOG_LEVEL ??= "1";
    await importOptional(
      {
        name: npm,
        install: `npm install --ignore-scripts ${npm}@4.22.0 && ${build}`,
        repair: `build its binding: ${build} (in a clone of this repository: ${buildInClone})`,
      },
      load,
    );
  }
  if (!(await setBackend(registered))) return registered;
  const loaded = backend() as TensorflowBackend;
  const isGpu = name === "tensorflow-gpu";
  if (loaded.isGPUPackage !== isGpu) {
    const other = isGpu ? "tensorflow" : "tensorflow-gpu";
    throw new BackendUnavailable(
      `useBackend: ${name} cannot be used in a process that has loaded ${other}, because TensorFlow.js has one name for both; start another process`,
    );
  }
  prepareKernels();
  if (isGpu && isFirst && !loaded.isUsingGpuDevice) {
    warn(
      "useBackend: tensorflow-gpu has found no GPU and computes on the CPU; it needs NVIDIA's driver, CUDA 11.8 and cuDNN 8.6",
    );
  }
  return registered;
}
