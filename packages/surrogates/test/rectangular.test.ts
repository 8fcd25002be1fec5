import { describeBackends, float32, read, scoped } from "@sew/kernels/testing";
import { rectangular } from "@sew/surrogates";
import { describeSurrogate } from "@sew/surrogates/testing";
import { tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describeSurrogate("rectangular", rectangular, fc.record({ a: float32(0.125, 16) }));

describeBackends("rectangular", () => {
  it("is a window of the area 1: width a, height 1/a", () =>
    scoped(() => {
      expect(read(rectangular().slope(tensor1d([-0.75, -0.25, 0, 0.25, 0.75])))).toEqual([0, 1, 1, 1, 0]);
      expect(read(rectangular({ a: 4 }).slope(tensor1d([-3, -1.5, 0, 1.5, 3])))).toEqual([0, 0.25, 0.25, 0.25, 0]);
    }));

  it("has a ramp for its primitive, from 0 at −a/2 to 1 at a/2", () =>
    scoped(() => {
      const σ = rectangular({ a: 4 }).primitive!(tensor1d([-3, -2, -1, 0, 1, 2, 3]));
      expect(read(σ)).toEqual([0, 0, 0.25, 0.5, 0.75, 1, 1]);
    }));

  it("leaves its edges out: 1 where |u| < a/2, 0 at ±a/2 itself (A.5)", () =>
    fc.assert(
      fc.property(float32(0.125, 16), (a) =>
        scoped(() => {
          const inside = (a / 2) * (1 - 2 ** -20);
          const slopes = read(rectangular({ a }).slope(tensor1d([-a / 2, a / 2, -inside, inside])));
          expect(slopes).toEqual([0, 0, Math.fround(1 / a), Math.fround(1 / a)]);
        }),
      ),
    ));
});

describe("rectangular's check", () => {
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses a = %s", (a) =>
    expect(() => rectangular({ a })).toThrow(
      new RangeError(`rectangular: a must be a finite number above 0, got ${a}`),
    ),
  );
});
