/** @file Kernels of the addon that belong to the storage of spikes: storage.test.ts has their results. */
import { type AddonCall, float32s, type KernelCase, words } from "../kernelCase.js";

export const cases: readonly KernelCase[] = [];

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  unpackBits: { numbers: [33], arrays: [words(2), float32s(33)], sizes: [0, 0] },
  countSpikes: { numbers: [33], arrays: [words(2), words(2)], sizes: [0, 0] },
};
