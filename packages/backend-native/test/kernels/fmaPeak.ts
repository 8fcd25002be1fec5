/** @file The addon's measurement of the multiply-add peak, which is no operation. */
import { type AddonCall, float32s, type KernelCase } from "../kernelCase.js";

export const cases: readonly KernelCase[] = [];

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  fmaPeak: { numbers: [1, 0], arrays: [float32s(2)], sizes: [0, 0] },
};
