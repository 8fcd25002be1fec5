import { describeBackends, expectClose, float32, scoped } from "@sew/kernels/testing";
import { superSpike } from "@sew/surrogates";
import { describeSurrogate } from "@sew/surrogates/testing";
import { tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describeSurrogate("superSpike", superSpike, fc.record({ alpha: float32(0.125, 16) }));

describeBackends("superSpike", () => {
  it.each([
    { alpha: 1, u: 0, slope: 1, sigma: 0.5 },
    { alpha: 1, u: 1, slope: 0.25, sigma: 1 },
    { alpha: 3, u: -0.5, slope: 1.3333333, sigma: -0.5 },
  ])("has σ'($u) = $slope and σ($u) = $sigma at α = $alpha, by hand", ({ alpha, u, slope, sigma }) =>
    scoped(() => {
      const spike = superSpike({ alpha });
      expectClose(spike.slope(tensor1d([u])), [slope]);
      expectClose(spike.primitive!(tensor1d([u])), [sigma]);
    }),
  );

  it("has α = 1 unless told", () =>
    scoped(() => {
      const u = tensor1d([-1, 0, 0.25]);
      expectClose(superSpike().slope(u), superSpike({ alpha: 1 }).slope(u));
      expectClose(superSpike().slope(tensor1d([0])), [1]);
    }));
});

describe("superSpike's check", () => {
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses alpha = %s", (alpha) =>
    expect(() => superSpike({ alpha })).toThrow(
      new RangeError(`superSpike: alpha must be a finite number above 0, got ${alpha}`),
    ),
  );
});
