/** @file Activity, against its definition in float64. storage.test.ts has that of stored spikes. */
import * as fc from "fast-check";
import { type AddonCall, counts, float32s, type KernelCase, kernelCase } from "../kernelCase.js";
import { about, edgeSizes, floats, type Kind, seeds } from "../values.js";

const shapes = fc.oneof(
  fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }),
  fc.tuple(fc.integer({ min: 1, max: 4 }), edgeSizes),
  fc.tuple(about(4096), fc.integer({ min: 1, max: 5 })),
  fc.tuple(fc.constantFrom(1, 3), about(16_384)),
);

const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

export const cases: readonly KernelCase[] = [
  kernelCase({
    kernel: "Activity",
    calls: fc
      .record({ shape: shapes, seed: seeds, kind: fc.constantFrom<Kind[]>("integers", "reals", "wide") })
      .map(({ shape, seed, kind }) => ({ inputs: { x: floats(shape, seed, kind) }, attrs: {} })),
    expected: ({ x: { shape, data } }) => {
      const n = shape.at(-1)!;
      const values = [...data];
      const rows = Array.from({ length: values.length / n }, (_, row) => values.slice(row * n, (row + 1) * n));
      const outer = shape.slice(0, -1);
      const bound = (row: number[]) => total(row.map(Math.abs)) * (2 ** -24 + n * 2 ** -53);
      return [
        { shape: outer, data: rows.map(total), within: rows.map(bound) },
        {
          shape: [4],
          data: [
            values.reduce((a, b) => Math.min(a, b)),
            values.reduce((a, b) => Math.max(a, b)),
            values.every(Number.isInteger) ? 1 : 0,
            Math.fround(values.filter((v) => v !== 0).length / values.length),
          ],
        },
      ];
    },
    // It has no such kernel. activity.test.ts of @sew/kernels compares with its composed operations.
    onCpu: () => false,
  }),
];

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  activity: { numbers: [2, 3], arrays: [float32s(6), float32s(2), float32s(4)], sizes: [0, 1] },
  activityOfSpikes: { numbers: [2, 3], arrays: [counts(6), float32s(2), float32s(4)], sizes: [0, 1] },
};
