import "@tensorflow/tfjs-backend-cpu";
import { availableParallelism } from "node:os";
import { backend, getBackend, ready, setBackend } from "@tensorflow/tfjs-core";
import { setThreads } from "./addon.js";
import { registerNative } from "./registerNative.js";

/** The backends that {@link useBackend} knows, the default first. */
export const backendNames = ["native", "cpu", "tensorflow", "tensorflow-gpu", "webgpu"] as const;

/** The name of a backend. */
export type BackendName = (typeof backendNames)[number];

/** A backend could not be used; the message says what to install, or what is wrong with what is installed. */
export class BackendUnavailable extends Error {
  override readonly name = "BackendUnavailable";
}

/** Imports the user's own installation of a package; `install` is what to add when it is missing. */
async function optional<T>(name: string, install: string, needs: string): Promise<T> {
  try {
    return (await import(name)) as T;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    // A package that is there but lacks one of its own files reports the same code, about another name.
    const missing = /MODULE_NOT_FOUND$/.test(code ?? "") && message.includes(`'${name}'`);
    throw new BackendUnavailable(
      missing
        ? `useBackend: ${name} is not installed; run: npm install ${install}`
        : `useBackend: ${name} is installed but could not be loaded (it needs ${needs}): ${message}`,
      { cause },
    );
  }
}

const webgpuPackages = "webgpu@0.6.2 @tensorflow/tfjs-backend-webgpu@4.22.0";

/** Makes a backend known to TensorFlow.js; returns the name that it has there. */
const prepare: Readonly<Record<BackendName, () => Promise<string>>> = {
  async native() {
    registerNative();
    if (process.env.SEW_THREADS === undefined) setThreads(availableParallelism());
    return "native";
  },
  async cpu() {
    return "cpu";
  },
  async tensorflow() {
    await optional(
      "@tensorflow/tfjs-node",
      "@tensorflow/tfjs-node@4.22.0",
      "its native library for this platform; its install script downloads it",
    );
    return "tensorflow";
  },
  async "tensorflow-gpu"() {
    await optional(
      "@tensorflow/tfjs-node-gpu",
      "@tensorflow/tfjs-node-gpu@4.22.0",
      "CUDA 11.2, cuDNN 8.1 and x86-64; its install script downloads the rest",
    );
    return "tensorflow";
  },
  async webgpu() {
    const dawn = await optional<{ create(options: string[]): GPU; globals: object }>(
      "webgpu",
      webgpuPackages,
      "a Vulkan, Metal or D3D12 driver",
    );
    Object.assign(globalThis, dawn.globals);
    Object.defineProperty(globalThis, "navigator", {
      value: { ...(globalThis as { navigator?: object }).navigator, gpu: dawn.create([]) },
      configurable: true,
    });
    await optional("@tensorflow/tfjs-backend-webgpu", webgpuPackages, "the package webgpu");
    return "webgpu";
  },
};

/** What Dawn's `create` returns; TensorFlow.js alone uses it. */
type GPU = object;

let warned = false;

/**
 * Makes TensorFlow.js run on the backend of that name, and waits until it is ready.
 *
 * `native` is this package's own. When its addon cannot be loaded, `cpu` takes its place and one warning says why.
 * `tensorflow`, `tensorflow-gpu` and `webgpu` use the packages of these names that you have installed.
 *
 * @param name one of {@link backendNames}
 * @param warn where the one warning goes
 * @returns the name of the backend in use: `"cpu"` when `native` had to give way
 * @throws RangeError when there is no backend of that name, and {@link BackendUnavailable} when what it needs is missing
 *
 * @example
 * await useBackend("cpu"); // "cpu"
 */
export async function useBackend(
  name: BackendName = "native",
  warn: (message: string) => void = console.warn,
): Promise<BackendName> {
  if (!backendNames.includes(name)) {
    throw new RangeError(`useBackend: name must be one of ${backendNames.join(", ")}, got ${name}`);
  }
  let registered: string;
  try {
    registered = await prepare[name]();
  } catch (error) {
    // A RangeError is about a wrong setting, which the user must hear of, not about the addon.
    if (name !== "native" || error instanceof RangeError) throw error;
    if (!warned) {
      warned = true;
      warn(
        `@sew/backend-native: the C++ addon could not be loaded (${(error as Error).message}). ` +
          "Everything works on TensorFlow.js's cpu backend instead, about 100 times slower. " +
          (process.env.SEW_NATIVE === "off"
            ? "To have it back, unset SEW_NATIVE."
            : "To build it, install g++ and run: npm rebuild @sew/backend-native, or with pnpm: pnpm approve-builds " +
              "(in a clone: pnpm --filter @sew/backend-native build)."),
      );
    }
    return useBackend("cpu", warn);
  }
  if (!(await setBackend(registered))) {
    throw new BackendUnavailable(`useBackend: ${name} could not be initialised; TensorFlow.js's message is above`);
  }
  await ready();
  // The CPU backend advises at its first use to install another one: the choice has been made.
  if (getBackend() === "cpu") (backend() as unknown as { firstUse: boolean }).firstUse = false;
  return name;
}
