import { describeBackends, expectClose, float32, scoped } from "@sew/kernels/testing";
import { erf } from "@sew/surrogates";
import { describeSurrogate } from "@sew/surrogates/testing";
import { tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describeSurrogate("erf", erf, fc.record({ alpha: float32(0.125, 16) }));

describeBackends("erf", () => {
  it.each([
    { alpha: 2, u: 0, slope: 1.1283792, sigma: 0.5 },
    { alpha: 2, u: 0.5, slope: 0.4151075, sigma: 0.9213504 },
    { alpha: 2, u: -0.5, slope: 0.4151075, sigma: 0.0786496 },
  ])("has σ'($u) = $slope and σ($u) = $sigma at α = $alpha, by hand", ({ alpha, u, slope, sigma }) =>
    scoped(() => {
      const spike = erf({ alpha });
      expectClose(spike.slope(tensor1d([u])), [slope]);
      expectClose(spike.primitive!(tensor1d([u])), [sigma]);
    }),
  );

  it("has α = 2 unless told", () =>
    scoped(() => {
      const u = tensor1d([-1, 0, 0.25]);
      expectClose(erf().slope(u), erf({ alpha: 2 }).slope(u));
      expectClose(erf().slope(tensor1d([0])), [1.1283792]);
    }));
});

describe("erf's check", () => {
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses alpha = %s", (alpha) =>
    expect(() => erf({ alpha })).toThrow(new RangeError(`erf: alpha must be a finite number above 0, got ${alpha}`)),
  );
});
