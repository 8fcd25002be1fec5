import { describeBackends, expectClose, scoped } from "@sew/kernels/testing";
import { scaledAtan } from "@sew/surrogates";
import { describeSurrogate } from "@sew/surrogates/testing";
import { tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { it } from "vitest";

describeSurrogate("scaledAtan", scaledAtan, fc.constant(undefined));

describeBackends("scaledAtan", () => {
  it.each([
    { u: -0.5, slope: 1, says: "Θ'(0 − V_th) at V_th = 0.5 (A.5)" },
    { u: 0.5, slope: 1, says: "Θ'(1 − V_th) at V_th = 0.5 (A.5)" },
    { u: 0, slope: 3.4674011, says: "1 + π²/4" },
    { u: 1, slope: 0.3189998, says: "by hand" },
  ])("has σ'($u) = $slope ($says)", ({ u, slope }) =>
    scoped(() => expectClose(scaledAtan().slope(tensor1d([u])), [slope])),
  );

  it("has σ(1/π) = (1 + π²/4)/4 + 1/2, and so leaves [0, 1]", () =>
    scoped(() => expectClose(scaledAtan().primitive!(tensor1d([1 / Math.PI, -1 / Math.PI])), [1.3668503, -0.3668503])));
});
