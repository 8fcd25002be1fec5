import { describeBackends, expectClose, float32, scoped } from "@sew/kernels/testing";
import { piecewiseQuadratic } from "@sew/surrogates";
import { describeSurrogate } from "@sew/surrogates/testing";
import { tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describeSurrogate("piecewiseQuadratic", piecewiseQuadratic, fc.record({ alpha: float32(0.125, 4) }));

describeBackends("piecewiseQuadratic", () => {
  it.each([
    { alpha: 1, u: 0, slope: 1, sigma: 0.5 },
    { alpha: 2, u: 0.25, slope: 1, sigma: 0.875 },
    { alpha: 2, u: -0.25, slope: 1, sigma: 0.125 },
    { alpha: 2, u: 0.5, slope: 0, sigma: 1 },
    { alpha: 2, u: -3, slope: 0, sigma: 0 },
  ])("has σ'($u) = $slope and σ($u) = $sigma at α = $alpha, by hand", ({ alpha, u, slope, sigma }) =>
    scoped(() => {
      const spike = piecewiseQuadratic({ alpha });
      expectClose(spike.slope(tensor1d([u])), [slope]);
      expectClose(spike.primitive!(tensor1d([u])), [sigma]);
    }),
  );

  it("has α = 1 unless told", () =>
    scoped(() => {
      const u = tensor1d([-1, 0, 0.25]);
      expectClose(piecewiseQuadratic().slope(u), piecewiseQuadratic({ alpha: 1 }).slope(u));
      expectClose(piecewiseQuadratic().slope(tensor1d([0])), [1]);
    }));
});

describe("piecewiseQuadratic's check", () => {
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses alpha = %s", (alpha) =>
    expect(() => piecewiseQuadratic({ alpha })).toThrow(
      new RangeError(`piecewiseQuadratic: alpha must be a finite number above 0, got ${alpha}`),
    ),
  );
});
