/** @file BatchMatMul, against its definition. */
import * as fc from "fast-check";
import { type AddonCall, float32s, type KernelCase, kernelCase, sumError } from "../kernelCase.js";
import { about, edgeSizes, floats, seeds, sizeOf, sumKinds } from "../values.js";

const batches = fc.constantFrom<[number[], number[]][]>(
  ...([
    [[], []],
    [[1], [1]],
    [[3], [3]],
    [[1], [3]],
    [[3], [1]],
    [
      [2, 3],
      [2, 3],
    ],
    [
      [2, 3],
      [1, 1],
    ],
    [
      [2, 1],
      [1, 3],
    ],
    [
      [2, 3],
      [2, 1],
    ],
    [[0], [0]],
  ] as [number[], number[]][]),
);

/** Rows about the 84 of a task, columns about panels, and nothing at all. */
const sides = fc.record({
  rows: fc.oneof(edgeSizes, about(84), fc.constant(0)),
  inner: fc.oneof(edgeSizes, fc.constantFrom(0, 100)),
  columns: fc.oneof(edgeSizes, fc.constant(0)),
});

const indexIn = (shape: readonly number[], batch: readonly number[]) =>
  shape.reduce((at, size, i) => at * size + (size === 1 ? 0 : batch[i]!), 0);

export const cases: readonly KernelCase[] = [
  kernelCase({
    kernel: "BatchMatMul",
    calls: fc
      .record({
        batch: batches,
        sides,
        transposeA: fc.boolean(),
        transposeB: fc.boolean(),
        seed: seeds,
        kind: sumKinds,
      })
      .map(({ batch: [batchA, batchB], sides: { rows, inner, columns }, transposeA, transposeB, seed, kind }) => ({
        inputs: {
          a: floats([...batchA, ...(transposeA ? [inner, rows] : [rows, inner])], seed, kind),
          b: floats([...batchB, ...(transposeB ? [columns, inner] : [inner, columns])], seed + 1, kind),
        },
        attrs: { transposeA, transposeB },
      })),
    expected: ({ a, b }, { transposeA, transposeB }) => {
      const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
      const batch = batchA.map((size, i) => (size === 1 ? batchB[i]! : size));
      const [rows, inner] = transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
      const columns = transposeB ? b.shape.at(-2)! : b.shape.at(-1)!;
      const shape = [...batch, rows, columns];
      const [data, within] = [0, 1].map(() => new Float64Array(sizeOf(shape))) as Float64Array[];
      const exact = [a, b].every(({ data: d }) => d.every(Number.isInteger));
      for (let i = 0, o = 0; i < sizeOf(batch); i++) {
        const index = batch.map((size, axis) => Math.floor(i / sizeOf(batch.slice(axis + 1))) % size);
        const [atA, atB] = [indexIn(batchA, index) * rows * inner, indexIn(batchB, index) * inner * columns];
        for (let m = 0; m < rows; m++)
          for (let n = 0; n < columns; n++, o++) {
            for (let l = 0; l < inner; l++) {
              const p = a.data[atA + (transposeA ? l * rows + m : m * inner + l)]!;
              const q = b.data[atB + (transposeB ? n * inner + l : l * columns + n)]!;
              data![o]! += p * q;
              within![o]! += exact ? 0 : Math.abs(p * q) * sumError(inner);
            }
          }
      }
      return [{ shape, data: data!, within: within! }];
    },
    // It repeats the matrices of the smaller batch in order, which is not broadcasting where only some axes are spread.
    onCpu: ({ a, b }) => {
      const [batchA, batchB] = [a, b].map(({ shape }) => String(shape.slice(0, -2)));
      return batchA === batchB || [a, b].some(({ shape }) => sizeOf(shape.slice(0, -2)) === 1);
    },
  }),
];

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  matMul: { numbers: [1, 1, 1, 2, 3, 2, 0, 0], arrays: [float32s(6), float32s(6), float32s(4)], sizes: [0, 5] },
};
