/** @file The addon's conversions between bfloat16 and float32, which are no operations: bfloat16.test.ts has their tests. */
import { type AddonCall, float32s, type KernelCase } from "../kernelCase.js";

export const cases: readonly KernelCase[] = [];

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  packBfloat16: { numbers: [3], arrays: [float32s(3), new Uint16Array(3)], sizes: [0, 0] },
  unpackBfloat16: { numbers: [3], arrays: [new Uint16Array(3), float32s(3)], sizes: [0, 0] },
};
