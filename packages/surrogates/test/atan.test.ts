import { describeBackends, expectClose, float32, scoped } from "@sew/kernels/testing";
import { atan } from "@sew/surrogates";
import { describeSurrogate } from "@sew/surrogates/testing";
import { tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describeSurrogate("atan", atan, fc.record({ alpha: float32(0.125, 16) }));

describeBackends("atan", () => {
  it("has the primitive arctan(π/2 · α · u)/π + 1/2: 3/4 at α u = 2/π", () =>
    scoped(() => expectClose(atan({ alpha: 4 }).primitive!(tensor1d([0.5 / Math.PI])), [0.75])));

  it.each([
    { alpha: 2, u: 0, slope: 1, says: "section 3.1" },
    { alpha: 2, u: -1, slope: 0.092, says: "Θ'(0 − V_th) at V_th = 1" },
    { alpha: 2, u: 1, slope: 0.092, says: "by symmetry" },
    { alpha: 2, u: -0.5, slope: 0.288, says: "Θ'(0 − V_th) at V_th = 0.5" },
    { alpha: 2, u: 0.5, slope: 0.288, says: "Θ'(1 − V_th) at V_th = 0.5" },
    { alpha: 3, u: 0, slope: 1.5, says: "Fig. 8" },
  ])("has σ'($u) = $slope at α = $alpha ($says)", ({ alpha, u, slope }) =>
    scoped(() => expectClose(atan({ alpha }).slope(tensor1d([u])), [slope], { relative: 0, absolute: 0.0005 })),
  );

  it("has α = 2 unless told", () =>
    scoped(() => {
      const u = tensor1d([-1, 0, 0.25]);
      expectClose(atan().slope(u), atan({ alpha: 2 }).slope(u));
      expectClose(atan().slope(tensor1d([0])), [1]);
    }));
});

describe("atan's check", () => {
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses alpha = %s", (alpha) =>
    expect(() => atan({ alpha })).toThrow(new RangeError(`atan: alpha must be a finite number above 0, got ${alpha}`)),
  );
});
