/** @file The functions of the element-wise kernels and of programs, against float64. */
import { instructionSet, instructionSets, runNative, setInstructionSet } from "@sew/backend-native";
import { afterAll, expect, it } from "vitest";
import { describeNative } from "./describeNative.js";
import { erf } from "./erf.js";

const { abs, atan, exp, floor, log, log2, tanh } = Math;

/** The number of the operation in cc/kernels/elementwise.h, the function, and its bound in units of the last place. */
const functions: Readonly<Record<string, readonly [op: number, f: (x: number) => number, ulps: number]>> = {
  exp: [6, exp, 1],
  log: [7, log, 0.8],
  // It is 0 where it would be subnormal.
  sigmoid: [8, (x) => (x < -88.72284 ? 0 : 1 / (1 + exp(-x))), 2.5],
  tanh: [9, tanh, 1.3],
  atan: [12, atan, 2.1],
  erf: [13, erf, 1.3],
};

/** The distance between float32 numbers near x; that of the subnormal ones is the least. */
const spacing = (x: number) => 2 ** (floor(log2(Math.max(abs(x), 2 ** -126))) - 23);

/** Numbers of all exponents and both signs, subnormal, infinite and NaN among them. */
const bits = Int32Array.from({ length: 2 ** 20 }, (_, i) => Math.imul(i, 4093) + 7);
const numbers = new Float32Array(bits.buffer);
const special = Float32Array.of(
  0,
  -0,
  1,
  -1,
  88.72284,
  88.7229,
  -87.4,
  -103.9,
  -104,
  2 ** -149,
  2 ** -126,
  0.7,
  Math.SQRT2,
);

describeNative("the functions of vectors", () => {
  const best = instructionSet();
  afterAll(() => setInstructionSet(best));

  const values = (op: number, x: Float32Array) => {
    const y = new Float32Array(x.length);
    runNative("unary", [op, x.length, 0], x, y);
    return y;
  };

  it.each(Object.keys(functions))("have, %s, no error beyond its bound at any exponent", (name) => {
    const [op, f, ulps] = functions[name]!;
    for (const x of [numbers, special]) {
      const y = values(op, x);
      const wrong = y.findIndex((value, i) => {
        const expected = f(x[i]!);
        const rounded = Math.fround(expected);
        if (!Number.isFinite(rounded)) return !Object.is(value, rounded);
        return !(abs(value - expected) <= ulps * spacing(expected));
      });
      expect(wrong === -1 ? undefined : [x[wrong], y[wrong]]).toBeUndefined();
    }
  });

  it.each(Object.keys(functions))("have, %s, the same bits on every instruction set, wherever in a vector", (name) => {
    const [op] = functions[name]!;
    const all = instructionSets().map((set) => {
      setInstructionSet(set);
      const y = values(op, numbers);
      expect(values(op, numbers.subarray(1)).every((value, i) => Object.is(value, y[i + 1]))).toBe(true);
      return y;
    });
    for (const y of all) expect(y.every((value, i) => Object.is(value, all[0]![i]))).toBe(true);
  });
});
