/** @file The backends that are known by name, and how each is loaded. A new one is an entry in {@link loaders}. */
import { BackendUnavailable, importOptional, npmInstall } from "./optionalPackage.js";
import { loadTensorflow } from "./tensorflow/loadTensorflow.js";

/** What remains where the native backend cannot be used. */
const chooseCpu = 'or choose cpu (useBackend("cpu"), --backend cpu), which is 900 to 3,800 times slower';

async function loadNative(): Promise<string> {
  const name = "@sew/backend-native";
  const { registerNative } = await importOptional(
    { name, install: `npm install ${name}; ${chooseCpu}`, repair: `it needs Node 20.19 or newer; ${chooseCpu}` },
    () => import("@sew/backend-native"),
  );
  try {
    registerNative();
  } catch (cause) {
    // A RangeError is about a wrong setting, not about the addon.
    if (cause instanceof RangeError) throw cause;
    throw new BackendUnavailable(`useBackend: ${(cause as Error).message}; ${chooseCpu}`, { cause });
  }
  return "native";
}

/** What is used of the API of WebGPU. */
interface WebGpu {
  requestAdapter(): Promise<object | null>;
}

const webgpuPackages = "webgpu@0.6.2 @tensorflow/tfjs-backend-webgpu@4.22.0";

async function loadWebgpu(): Promise<string> {
  const drivers = "a Vulkan loader and driver (on Debian: libvulkan1 and that of your GPU), Metal or D3D12";
  const repair = `it needs ${drivers}`;
  const { navigator } = globalThis as { navigator?: { gpu?: WebGpu } };
  // Browsers have it. Node gets it from Dawn.
  const dawn =
    navigator?.gpu === undefined
      ? await importOptional({ name: "webgpu", install: npmInstall(webgpuPackages), repair }, () => import("webgpu"))
      : undefined;
  const gpu = navigator?.gpu ?? (dawn!.create([]) as WebGpu);
  if ((await gpu.requestAdapter()) === null) {
    throw new BackendUnavailable(`useBackend: webgpu has found no GPU; ${repair}`);
  }
  if (dawn !== undefined) {
    Object.assign(globalThis, dawn.globals);
    Object.defineProperty(globalThis, "navigator", { value: { ...navigator, gpu }, configurable: true });
  }
  const name = "@tensorflow/tfjs-backend-webgpu";
  await importOptional(
    { name, install: npmInstall(webgpuPackages), repair: `reinstall it: ${npmInstall(webgpuPackages)}` },
    () => import("@tensorflow/tfjs-backend-webgpu"),
  );
  return "webgpu";
}

/** Registers each backend with TensorFlow.js, and returns the name that it has there. The default comes first. */
export const loaders = {
  native: loadNative,
  async cpu() {
    await import("@tensorflow/tfjs-backend-cpu");
    return "cpu";
  },
  tensorflow: (warn) => loadTensorflow("tensorflow", warn),
  "tensorflow-gpu": (warn) => loadTensorflow("tensorflow-gpu", warn),
  webgpu: loadWebgpu,
} satisfies Readonly<Record<string, (warn: (message: string) => void) => Promise<string>>>;

/** The name of a backend that {@link useBackend} loads. */
export type BackendName = keyof typeof loaders;

/** The backends that {@link useBackend} loads, the default first. */
export const backendNames: readonly BackendName[] = Object.keys(loaders) as BackendName[];
