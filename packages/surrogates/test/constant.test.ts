import { describeBackends, float32, floats, read, scoped } from "@sew/kernels/testing";
import { constant } from "@sew/surrogates";
import { describeSurrogate } from "@sew/surrogates/testing";
import { tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describeSurrogate("constant", constant, fc.record({ value: float32(0.125, 16) }));

describeBackends("constant", () => {
  it("has the same slope everywhere, by default 1 (A.5)", () =>
    fc.assert(
      fc.property(floats, float32(0.125, 16), (us, value) =>
        scoped(() => {
          const u = tensor1d(us);
          expect(read(constant({ value }).slope(u))).toEqual(us.map(() => value));
          expect(read(constant().slope(u))).toEqual(us.map(() => 1));
        }),
      ),
    ));

  it("has a straight line through 1/2 for its primitive", () =>
    scoped(() => expect(read(constant({ value: 0.5 }).primitive!(tensor1d([-3, 0, 3])))).toEqual([-1, 0.5, 2])));
});

describe("constant's check", () => {
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses value = %s", (value) =>
    expect(() => constant({ value })).toThrow(
      new RangeError(`constant: value must be a finite number above 0, got ${value}`),
    ),
  );
});
