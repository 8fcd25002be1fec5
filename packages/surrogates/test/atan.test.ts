import { atan } from "@sew/surrogates";
import { describeBackends, describeSurrogate, expectClose, float32, scoped } from "@sew/testing";
import { tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describeSurrogate("atan", atan, fc.record({ alpha: float32(0.125, 16) }));

/** σ(u) = arctan(π/2 · α · u)/π + 1/2, in float64. */
const primitive = (u: number, alpha: number) => Math.atan((Math.PI / 2) * alpha * u) / Math.PI + 0.5;

describeBackends("atan", () => {
  it("has the derivative of σ(u) = arctan(π/2 · α · u)/π + 1/2 as its slope", () =>
    fc.assert(
      fc.property(float32(-4, 4), float32(0.5, 4), (u, alpha) =>
        scoped(() => {
          const d = 1e-5;
          const central = (primitive(u + d, alpha) - primitive(u - d, alpha)) / (2 * d);
          expectClose(atan({ alpha }).slope(tensor1d([u])), [central], { relative: 1e-4, absolute: 1e-6 });
        }),
      ),
    ));

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
