/** @file The addon's measurement of the bandwidth of memory, which is no operation. */
import { type AddonCall, float32s, type KernelCase } from "../kernelCase.js";

export const cases: readonly KernelCase[] = [];

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  triad: { numbers: [3], arrays: [float32s(3), float32s(3), float32s(3)], sizes: [0, 0] },
};
