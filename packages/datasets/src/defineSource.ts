import { type ModuleReference, referTo } from "./moduleReference.js";
import type { Source } from "./source.js";

/**
 * Makes the sources that `open` returns readable by worker threads.
 *
 * Each thread imports the module and calls the exported function with the same options, so that what `open` does besides
 * reading (listing a folder, hashing) is done once in every thread.
 *
 * @param url `import.meta.url` of the module, which threads must be able to import: JavaScript, or TypeScript where Node
 *   runs it
 * @param name the name under which the module exports the result
 * @param open makes a source, a plain object, from options that can be sent to a thread
 * @returns a function of the same options
 *
 * @example
 * const constants = defineSource(import.meta.url, "constants", ({ value }: { value: number }) => ({
 *   name: "constants",
 *   classes: ["only"],
 *   count: 4,
 *   shape: [1, 2, 2, 1],
 *   labels: [0, 0, 0, 0],
 *   names: ["a", "b", "c", "d"],
 *   fingerprint: fingerprint({ name: "constants", value }),
 *   read(indices) {
 *     checkIndices("constants", 4, indices);
 *     return new Float32Array(4 * indices.length).fill(value);
 *   },
 * }));
 * const source = await constants({ value: 3 });
 * source.module.options; // { value: 3 }
 */
export function defineSource<Arguments extends readonly [options?: unknown]>(
  url: string,
  name: string,
  open: (...args: Arguments) => Source | Promise<Source>,
): (...args: Arguments) => Promise<Source & { readonly module: ModuleReference }> {
  return async (...args) => ({ ...(await open(...args)), module: referTo(url, name, args) });
}
