/** @file Fill, ZerosLike and OnesLike. */
import * as fc from "fast-check";
import { type AddonCall, float32s, type KernelCase, kernelCase } from "../kernelCase.js";
import { about, floats, seeds, sizeOf } from "../values.js";

const shapes: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.constantFrom([], [0], [1], [3, 5], [2, 0]),
  about(16, 16_384, 32_768).map((n) => [n]),
);

const like = (kernel: string, value: number): KernelCase =>
  kernelCase({
    kernel,
    calls: fc
      .record({ shape: shapes, seed: seeds })
      .map(({ shape, seed }) => ({ inputs: { x: floats(shape, seed, "hard") }, attrs: {} })),
    expected: ({ x: { shape, data } }) => [{ shape, data: data.slice().fill(value), signedZeros: true }],
  });

export const cases: readonly KernelCase[] = [
  kernelCase({
    kernel: "Fill",
    calls: fc
      .record({
        shape: shapes,
        value: fc.oneof(fc.float(), fc.constantFrom(0, -0, Number.NaN, Number.POSITIVE_INFINITY, 0.1)),
        dtype: fc.constantFrom(undefined, "float32"),
      })
      .map((attrs) => ({ inputs: {}, attrs })),
    expected: (_, { shape, value }) => [
      { shape, data: new Float32Array(sizeOf(shape)).fill(value), signedZeros: true },
    ],
  }),
  like("ZerosLike", 0),
  like("OnesLike", 1),
];

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  fill: { numbers: [3, 1], arrays: [float32s(3)], sizes: [0, 0] },
};
