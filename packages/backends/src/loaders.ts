/** @file The backends that are known by name, and how each is loaded. A new one is an entry in {@link loaders}. */

/** A backend could not be used. The message says what to install, or why what is installed does not work. */
export class BackendUnavailable extends Error {
  override readonly name = "BackendUnavailable";
}

/** A package that the user installs. */
interface OptionalPackage {
  readonly name: string;
  /** Arguments of `npm install`. */
  readonly install: string;
  /** What it needs besides, for the message when it fails to load. */
  readonly needs: string;
}

/** Imports a package of the user's own installation. */
async function optional<T>({ name, install, needs }: OptionalPackage, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    // An installed package that lacks a file of its own fails with the same code, about another name.
    const isMissing = /MODULE_NOT_FOUND$/.test(code ?? "") && message.includes(`'${name}'`);
    throw new BackendUnavailable(
      isMissing
        ? `useBackend: ${name} is not installed; run: npm install ${install}`
        : `useBackend: ${name} is installed but could not be loaded (it needs ${needs}): ${message}`,
      { cause },
    );
  }
}

async function loadNative(): Promise<string> {
  const name = "@sew/backend-native";
  const { registerNative } = await optional(
    { name, install: name, needs: "Node 20.19 or newer" },
    () => import("@sew/backend-native"),
  );
  try {
    registerNative();
  } catch (cause) {
    // A RangeError is about a wrong setting, not about the addon.
    if (cause instanceof RangeError) throw cause;
    const remedy =
      process.env.SEW_NATIVE === "off"
        ? "unset SEW_NATIVE"
        : `install g++ and run: npm rebuild ${name}, or with pnpm: pnpm approve-builds (in a clone: pnpm --filter ${name} build)`;
    throw new BackendUnavailable(
      `useBackend: the C++ addon of ${name} could not be loaded (${(cause as Error).message}); ${remedy}`,
      { cause },
    );
  }
  return "native";
}

const webgpuPackages = "webgpu@0.6.2 @tensorflow/tfjs-backend-webgpu@4.22.0";

async function loadWebgpu(): Promise<string> {
  const { navigator } = globalThis as { navigator?: { gpu?: object } };
  // Browsers have it. Node gets it from Dawn.
  if (navigator?.gpu === undefined) {
    const dawn = await optional(
      { name: "webgpu", install: webgpuPackages, needs: "a Vulkan, Metal or D3D12 driver" },
      () => import("webgpu"),
    );
    Object.assign(globalThis, dawn.globals);
    Object.defineProperty(globalThis, "navigator", {
      value: { ...navigator, gpu: dawn.create([]) },
      configurable: true,
    });
  }
  await optional(
    { name: "@tensorflow/tfjs-backend-webgpu", install: webgpuPackages, needs: "the package webgpu" },
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
  async tensorflow() {
    const needs = "its native library for this platform; its install script downloads it";
    await optional(
      { name: "@tensorflow/tfjs-node", install: "@tensorflow/tfjs-node@4.22.0", needs },
      () => import("@tensorflow/tfjs-node"),
    );
    return "tensorflow";
  },
  async "tensorflow-gpu"() {
    const needs = "CUDA 11.2, cuDNN 8.1 and x86-64; its install script downloads the rest";
    await optional(
      { name: "@tensorflow/tfjs-node-gpu", install: "@tensorflow/tfjs-node-gpu@4.22.0", needs },
      () => import("@tensorflow/tfjs-node-gpu"),
    );
    return "tensorflow";
  },
  webgpu: loadWebgpu,
} satisfies Readonly<Record<string, () => Promise<string>>>;

/** The name of a backend that {@link useBackend} loads. */
export type BackendName = keyof typeof loaders;

/** The backends that {@link useBackend} loads, the default first. */
export const backendNames: readonly BackendName[] = Object.keys(loaders) as BackendName[];
