import { describeBackends, expectClose, float32, scoped } from "@sew/kernels/testing";
import { sigmoid } from "@sew/surrogates";
import { describeSurrogate } from "@sew/surrogates/testing";
import { tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describeSurrogate("sigmoid", sigmoid, fc.record({ alpha: float32(0.125, 16) }));

describeBackends("sigmoid", () => {
  it("has the slope α/4 at 0, which is 1 unless told", () =>
    scoped(() => {
      const zero = tensor1d([0]);
      expectClose(sigmoid().slope(zero), [1]);
      expectClose(sigmoid({ alpha: 10 }).slope(zero), [2.5]);
    }));

  it("is α s (1 − s): 4 · 0.8808 · 0.1192 at α u = 2", () =>
    scoped(() => expectClose(sigmoid().slope(tensor1d([0.5])), [0.41997434])));

  it("has the primitive 1 / (1 + exp(−α u)): 0.8808 at α u = 2", () =>
    scoped(() => expectClose(sigmoid().primitive!(tensor1d([0.5, -0.5])), [0.88079708, 0.11920292])));
});

describe("sigmoid's check", () => {
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses alpha = %s", (alpha) =>
    expect(() => sigmoid({ alpha })).toThrow(
      new RangeError(`sigmoid: alpha must be a finite number above 0, got ${alpha}`),
    ),
  );
});
