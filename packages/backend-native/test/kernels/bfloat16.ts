/** @file The addon's bfloat16 as float32, which is no operation: bfloat16.test.ts has its tests. */
import { type AddonCall, float32s, type KernelCase } from "../kernelCase.js";

export const cases: readonly KernelCase[] = [];

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  unpackBfloat16: { numbers: [3], arrays: [new Uint16Array(3), float32s(3)], sizes: [0, 0] },
};
