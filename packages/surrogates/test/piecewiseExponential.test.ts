import { describeBackends, expectClose, float32, scoped } from "@sew/kernels/testing";
import { piecewiseExponential } from "@sew/surrogates";
import { describeSurrogate } from "@sew/surrogates/testing";
import { tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describeSurrogate("piecewiseExponential", piecewiseExponential, fc.record({ alpha: float32(0.125, 16) }));

describeBackends("piecewiseExponential", () => {
  it.each([
    { alpha: 1, u: 0, slope: 0.5, sigma: 0.5 },
    { alpha: 2, u: 0.5, slope: 0.36787944, sigma: 0.81606028 },
    { alpha: 2, u: -0.5, slope: 0.36787944, sigma: 0.18393972 },
  ])("has σ'($u) = $slope and σ($u) = $sigma at α = $alpha, by hand", ({ alpha, u, slope, sigma }) =>
    scoped(() => {
      const spike = piecewiseExponential({ alpha });
      expectClose(spike.slope(tensor1d([u])), [slope]);
      expectClose(spike.primitive!(tensor1d([u])), [sigma]);
    }),
  );

  it("has α = 1 unless told", () =>
    scoped(() => {
      const u = tensor1d([-1, 0, 0.25]);
      expectClose(piecewiseExponential().slope(u), piecewiseExponential({ alpha: 1 }).slope(u));
      expectClose(piecewiseExponential().slope(tensor1d([0])), [0.5]);
    }));
});

describe("piecewiseExponential's check", () => {
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses alpha = %s", (alpha) =>
    expect(() => piecewiseExponential({ alpha })).toThrow(
      new RangeError(`piecewiseExponential: alpha must be a finite number above 0, got ${alpha}`),
    ),
  );
});
