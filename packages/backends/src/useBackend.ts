import { backend, findBackendFactory, getBackend, ready, setBackend } from "@tensorflow/tfjs-core";
import { type BackendName, backendNames, loaders } from "./loaders.js";
import { BackendUnavailable } from "./optionalPackage.js";

const isLoaded = (name: string): name is BackendName => Object.hasOwn(loaders, name);

/**
 * Loads a backend, makes it TensorFlow.js's current one, and waits until it is ready. It never takes another one instead.
 *
 * `native` is the package `@sew/backend-native`; `tensorflow`, `tensorflow-gpu` and `webgpu` need the TensorFlow.js packages
 * of these names. Any other backend is used by the name under which it is registered with TensorFlow.js.
 *
 * @param name one of {@link backendNames}, or that of a registered backend. @defaultValue "native"
 * @param warn receives a warning where `tensorflow-gpu` has found no GPU. @defaultValue `console.warn`
 * @returns the name
 * @throws RangeError when there is no backend of that name; {@link BackendUnavailable}, with the remedy, when it cannot be
 * loaded or initialised
 *
 * @example
 * await useBackend("cpu"); // "cpu"
 */
export async function useBackend(
  name: BackendName | (string & {}) = "native",
  warn: (message: string) => void = console.warn,
): Promise<string> {
  if (!isLoaded(name) && !findBackendFactory(name)) {
    throw new RangeError(
      `useBackend: name must be one of ${backendNames.join(", ")}, or that of a backend registered with TensorFlow.js, got ${name}`,
    );
  }
  const registered = isLoaded(name) ? await loaders[name](warn) : name;
  if (!(await setBackend(registered))) {
    throw new BackendUnavailable(`useBackend: ${name} could not be initialised; TensorFlow.js's message is above`);
  }
  await ready();
  // On first use the cpu backend recommends installing another one.
  if (getBackend() === "cpu") (backend() as unknown as { firstUse: boolean }).firstUse = false;
  return name;
}
