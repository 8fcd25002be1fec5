/** @file The tests of all kernels, collected from the files in kernels/. */
import type { AddonCall, KernelCase } from "./kernelCase.js";

declare global {
  interface ImportMeta {
    /** Vite's: the modules that match a pattern, by path. */
    glob<T>(pattern: string, options: { eager: true }): Readonly<Record<string, T>>;
  }
}

/** What a file in kernels/ exports. */
interface KernelTests {
  readonly cases: readonly KernelCase[];
  readonly addonCalls: Readonly<Record<string, AddonCall>>;
}

const files = Object.entries(import.meta.glob<KernelTests>("./kernels/*.ts", { eager: true }));
for (const [file, { cases, addonCalls }] of files) {
  if (cases === undefined || addonCalls === undefined) throw new Error(`${file} must export cases and addonCalls`);
}

/** The cases of every TensorFlow.js kernel. */
export const kernelCases: readonly KernelCase[] = files.flatMap(([, { cases }]) => cases);

/** A call of every kernel of the addon. */
export const addonCalls: Readonly<Record<string, AddonCall>> = Object.assign(
  {},
  ...files.map(([, { addonCalls }]) => addonCalls),
);
