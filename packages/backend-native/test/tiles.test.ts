import { instructionSet, instructionSets, runNative, setInstructionSet } from "@sew/backend-native";
import * as fc from "fast-check";
import { afterEach, expect, it } from "vitest";
import { describeNative } from "./describeNative.js";
import { floats, integers, seeds } from "./values.js";

/** The numbers of a 3x3 convolution at stride 1 with the same size out. */
const numbers = (n: number, h: number, w: number, c: number, k: number, bf16: number) => [
  ...[n, h, w, c, h, w, k, 3, 3, 1, 1, 1, 1, 1, 1, bf16],
];

describeNative("3x3 convolutions by tiles", () => {
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
          k: fc.constantFrom(16, 48),
          bf16: fc.constantFrom(0, 1),
          most: fc.constantFrom(1, 3, 255),
          seed: seeds,
          set: fc.constantFrom(...instructionSets()),
        }),
        ({ n, h, w, c, k, bf16, most, seed, set }) => {
          setInstructionSet(set);
          const next = integers(seed);
          const counts = Uint8Array.from({ length: n * h * w * c }, () => next() % (most + 1));
          const values = Float32Array.from(counts);
          const bits = new Int32Array(counts.length / 32);
          counts.forEach((value, i) => {
            bits[i >> 5]! |= Number(value > 0) << (i & 31);
          });
          const filter = floats([9 * c * k], seed + 1, "reals").data as Float32Array;
          const dy = floats([n * h * w * k], seed + 2, "reals").data as Float32Array;
          const shape = numbers(n, h, w, c, k, bf16);
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

  it.each(["conv2d", "conv2dFilterGrad"])("%s refuses spikes where it does not compute by tiles", (kernel) => {
    const shape = [1, 2, 2, 32, 2, 2, 16, 1, 1, 1, 1, 0, 0, 1, 1, 0];
    expect(() => runNative(kernel, shape, new Int32Array(4), new Float32Array(512), new Float32Array(512))).toThrow(
      `${kernel}: a buffer has the wrong element type`,
    );
  });

  it("refuses bits of channels that share a word", () => {
    const shape = numbers(1, 2, 2, 16, 16, 0);
    const [x, w, y] = [new Int32Array(2), new Float32Array(9 * 256), new Float32Array(64)];
    expect(() => runNative("conv2d", shape, x, w, y)).toThrow("conv2d: a buffer has the wrong element type");
  });
});
