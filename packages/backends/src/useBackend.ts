import { backend, findBackendFactory, getBackend, ready, setBackend } from "@tensorflow/tfjs-core";
import { type BackendName, BackendUnavailable, backendNames, loaders } from "./loaders.js";

let warned = false;

const isLoaded = (name: string): name is BackendName => Object.hasOwn(loaders, name);

/**
 * Loads a backend, makes it TensorFlow.js's current one, and waits until it is ready.
 *
 * `native` is the package `@sew/backend-native`; where it is not installed or its addon cannot be loaded, `cpu` is used
 * instead, with one warning. `tensorflow`, `tensorflow-gpu` and `webgpu` need the TensorFlow.js packages of these names.
 * Any other backend is used by the name under which it is registered with TensorFlow.js.
 *
 * @param name one of {@link backendNames}, or that of a registered backend. @defaultValue "native"
 * @param warn receives the warning. @defaultValue `console.warn`
 * @returns the name of the backend in use: `"cpu"` where `native` is unavailable
 * @throws RangeError when there is no backend of that name; {@link BackendUnavailable} when a backend other than `native`
 * cannot be loaded or initialised
 *
 * @example
 * await useBackend("cpu"); // "cpu"
 */
export async function useBackend(
  name: BackendName | (string & {}) = "native",
  warn: (message: string) => void = console.warn,
): Promise<string> {
  let registered = name;
  if (isLoaded(name)) {
    try {
      registered = await loaders[name]();
    } catch (error) {
      if (name !== "native" || !(error instanceof BackendUnavailable)) throw error;
      if (!warned) {
        warned = true;
        warn(`${error.message}. Using TensorFlow.js's cpu backend instead, which is about 100 times slower.`);
      }
      return useBackend("cpu", warn);
    }
  } else if (!findBackendFactory(name)) {
    throw new RangeError(
      `useBackend: name must be one of ${backendNames.join(", ")}, or that of a backend registered with TensorFlow.js, got ${name}`,
    );
  }
  if (!(await setBackend(registered))) {
    throw new BackendUnavailable(`useBackend: ${name} could not be initialised; TensorFlow.js's message is above`);
  }
  await ready();
  // On first use the cpu backend recommends installing another one.
  if (getBackend() === "cpu") (backend() as unknown as { firstUse: boolean }).firstUse = false;
  return name;
}
