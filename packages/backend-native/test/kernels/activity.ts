/** @file Activity, against its definition in float64. storage.test.ts has that of stored spikes. */
import * as fc from "fast-check";
import { type AddonCall, counts, float32s, type KernelCase, kernelCase } from "../kernelCase.js";
import { about, edgeSizes, floats, type Kind, seeds, sizeOf } from "../values.js";

const few = fc.integer({ min: 1, max: 4 });

const shapes = fc.oneof(
  fc.array(few, { minLength: 3, maxLength: 6 }),
  fc.tuple(few, few, few, edgeSizes),
  // More than one task.
  fc.tuple(few, fc.constant(1), about(4096), few),
  fc.tuple(few, few, about(4096, 8192)),
);

const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

export const cases: readonly KernelCase[] = [
  kernelCase({
    kernel: "Activity",
    calls: fc
      .record({ shape: shapes, seed: seeds, kind: fc.constantFrom<Kind[]>("integers", "reals", "wide") })
      .map(({ shape, seed, kind }) => ({ inputs: { x: floats(shape, seed, kind) }, attrs: {} })),
    expected: ({ x: { shape, data } }) => {
      const values = [...data];
      const [outer, inner, channels] = [shape.slice(0, 2), shape.slice(2, -1), shape.at(-1)!];
      const sums = (size: readonly number[], key: (i: number) => number) => {
        const terms: number[][] = Array.from({ length: sizeOf(size) }, () => []);
        for (const [i, value] of values.entries()) terms[key(i)]!.push(value);
        const bound = (row: number[]) => total(row.map(Math.abs)) * (2 ** -24 + row.length * 2 ** -53);
        return { shape: size, data: terms.map(total), within: terms.map(bound) };
      };
      const positions = sizeOf(inner);
      return [
        sums(outer, (i) => Math.floor(i / (positions * channels))),
        sums(inner, (i) => Math.floor(i / channels) % positions),
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
  activity: {
    numbers: [2, 2, 3],
    arrays: [float32s(12), float32s(2), float32s(2), float32s(4)],
    sizes: [0, 2],
  },
  activityOfSpikes: {
    numbers: [2, 2, 3],
    arrays: [counts(12), float32s(2), float32s(2), float32s(4)],
    sizes: [0, 2],
  },
};
