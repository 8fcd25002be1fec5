import { read, scoped } from "@sew/kernels/testing";
import { fanInUniform, kaimingNormal } from "@sew/layers";
import { random } from "@sew/random";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const kernels = fc
  .tuple(fc.constantFrom(1, 3, 7), fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 8 }))
  .map(([k, from, to]) => [k, k, from, to] as const);

describe("fanInUniform", () => {
  it("stays within ±1/√fan_in and reaches for it", () =>
    fc.assert(
      fc.property(kernels, fc.integer(), (shape, seed) =>
        scoped(() => {
          const bound = 1 / Math.sqrt(shape[0] * shape[1] * shape[2]);
          const values = read(fanInUniform([...shape.slice(0, 3), 64 * shape[3]], random(seed)));
          const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          expect(largest).toBeLessThanOrEqual(Math.fround(bound));
          expect(largest).toBeGreaterThan(0.8 * bound);
        }),
      ),
    ));
});

describe("kaimingNormal", () => {
  it("has mean 0, variance 2/fan_out and the tails of a normal distribution", () =>
    scoped(() => {
      const values = read(kaimingNormal([3, 3, 64, 32], random(5)));
      const deviation = Math.sqrt(2 / (3 * 3 * 32));
      const z = values.map((value) => value / deviation);
      const moment = (power: number) => z.reduce((sum, v) => sum + v ** power, 0) / z.length;
      const error = 5 / Math.sqrt(z.length);
      expect(Math.abs(moment(1))).toBeLessThan(error);
      expect(Math.abs(moment(2) - 1)).toBeLessThan(error * Math.SQRT2);
      expect(Math.abs(moment(4) - 3)).toBeLessThan(error * Math.sqrt(96));
    }));

  it("depends on fan_out, not on fan_in", () =>
    scoped(() => {
      const of = (from: number, to: number) => read(kaimingNormal([1, 1, from, to], random(3))).slice(0, 8);
      expect(of(2, 16)).toEqual(of(8, 16));
      expect(of(2, 16)).not.toEqual(of(2, 8));
    }));

  it("is finite for every seed", () =>
    fc.assert(
      fc.property(kernels, fc.integer(), (shape, seed) =>
        scoped(() => expect(read(kaimingNormal(shape, random(seed))).every(Number.isFinite)).toBe(true)),
      ),
    ));
});
