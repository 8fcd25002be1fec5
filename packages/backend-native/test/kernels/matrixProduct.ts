/** @file The addon's product of two tiles, which is no operation: matrixUnit.test.ts has its results. */
import { type AddonCall, counts, float32s, type KernelCase } from "../kernelCase.js";

export const cases: readonly KernelCase[] = [];

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  matrixProduct: {
    numbers: [16, 16, 16],
    arrays: [counts(1024), counts(1024), float32s(256)],
    sizes: [0, 2],
  },
};
