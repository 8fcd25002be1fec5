import { instructionSet, instructionSets, runNative, setInstructionSet } from "@sew/backend-native";
import * as fc from "fast-check";
import { afterEach, expect, it } from "vitest";
import { describeNative } from "./describeNative.js";
import { floats, integers, seeds } from "./values.js";

/** The numbers of a convolution padded so that stride 1 keeps the size. */
const numbers = (n: number, h: number, w: number, c: number, k: number, bf16: number, kernel = 3, stride = 1) => [
  ...[n, h, w, c, Math.ceil(h / stride), Math.ceil(w / stride), k, kernel, kernel, stride, stride],
  ...[kernel >> 1, kernel >> 1, 1, 1, bf16],
];

describeNative("dense convolutions", () => {
  const best = instructionSet();
  afterEach(() => setInstructionSet(best));

  it("read bits and counts of spikes as they read floats of the same values", () =>
    fc.assert(
      fc.property(
        fc.record({
          n: fc.constantFrom(1, 2),
          h: fc.integer({ min: 1, max: 6 }),
          w: fc.integer({ min: 1, max: 6 }),
          c: fc.constantFrom(32, 64),
          k: fc.constantFrom(5, 16, 48),
          kernel: fc.constantFrom(1, 3, 5),
          stride: fc.constantFrom(1, 2),
          bf16: fc.constantFrom(0, 1),
          most: fc.constantFrom(1, 3, 255),
          seed: seeds,
          set: fc.constantFrom(...instructionSets()),
        }),
        ({ n, h, w, c, k, kernel, stride, bf16, most, seed, set }) => {
          setInstructionSet(set);
          const next = integers(seed);
          const counts = Uint8Array.from({ length: n * h * w * c }, () => next() % (most + 1));
          const values = Float32Array.from(counts);
          const bits = new Int32Array(counts.length / 32);
          counts.forEach((value, i) => {
            bits[i >> 5]! |= Number(value > 0) << (i & 31);
          });
          const shape = numbers(n, h, w, c, k, bf16, kernel, stride);
          const filter = floats([kernel ** 2 * c * k], seed + 1, "reals").data as Float32Array;
          const dy = floats([n * shape[4]! * shape[5]! * k], seed + 2, "reals").data as Float32Array;
          for (const x of most === 1 ? [counts, bits] : [counts]) {
            const [y, expected] = [new Float32Array(dy.length), new Float32Array(dy.length)];
            runNative("conv2d", shape, x, filter, y);
            runNative("conv2d", shape, values, filter, expected);
            expect(y).toEqual(expected);
            const [dw, dwExpected] = [new Float32Array(filter.length), new Float32Array(filter.length)];
            runNative("conv2dFilterGrad", shape, x, dy, dw);
            runNative("conv2dFilterGrad", shape, values, dy, dwExpected);
            expect(dw).toEqual(dwExpected);
          }
        },
      ),
    ));

  it("refuses bits of channels that share a word", () => {
    const shape = numbers(1, 2, 2, 16, 16, 0);
    const [x, w, y] = [new Int32Array(2), new Float32Array(9 * 256), new Float32Array(64)];
    for (const [kernel, ...buffers] of [["conv2d", w, y] as const, ["conv2dFilterGrad", y, w] as const]) {
      expect(() => runNative(kernel, shape, x, ...buffers)).toThrow(`${kernel}: a buffer has the wrong element type`);
    }
  });
});
