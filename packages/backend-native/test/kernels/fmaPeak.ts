/** @file The addon's measurements of the multiply-add peak and of the bandwidth of memory, which are no operations. */
import { type AddonCall, float32s, type KernelCase } from "../kernelCase.js";

export const cases: readonly KernelCase[] = [];

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  fmaPeak: { numbers: [1, 0], arrays: [float32s(2)], sizes: [0, 0] },
  triad: { numbers: [3], arrays: [float32s(3), float32s(3), float32s(3)], sizes: [0, 0] },
};
