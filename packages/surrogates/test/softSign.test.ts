import { describeBackends, expectClose, float32, scoped } from "@sew/kernels/testing";
import { softSign } from "@sew/surrogates";
import { describeSurrogate } from "@sew/surrogates/testing";
import { tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describeSurrogate("softSign", softSign, fc.record({ alpha: float32(0.125, 16) }));

describeBackends("softSign", () => {
  it.each([
    { alpha: 2, u: 0, slope: 1, sigma: 0.5 },
    { alpha: 2, u: 0.5, slope: 0.25, sigma: 0.75 },
    { alpha: 4, u: -0.25, slope: 0.5, sigma: 0.25 },
  ])("has σ'($u) = $slope and σ($u) = $sigma at α = $alpha, by hand", ({ alpha, u, slope, sigma }) =>
    scoped(() => {
      const spike = softSign({ alpha });
      expectClose(spike.slope(tensor1d([u])), [slope]);
      expectClose(spike.primitive!(tensor1d([u])), [sigma]);
    }),
  );

  it("has α = 2 unless told", () =>
    scoped(() => {
      const u = tensor1d([-1, 0, 0.25]);
      expectClose(softSign().slope(u), softSign({ alpha: 2 }).slope(u));
      expectClose(softSign().slope(tensor1d([0])), [1]);
    }));
});

describe("softSign's check", () => {
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses alpha = %s", (alpha) =>
    expect(() => softSign({ alpha })).toThrow(
      new RangeError(`softSign: alpha must be a finite number above 0, got ${alpha}`),
    ),
  );
});
