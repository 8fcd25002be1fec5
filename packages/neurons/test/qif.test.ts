import { describeBackends, expectClose, float32, floats, read, scoped } from "@sew/kernels/testing";
import { neuron, type QifParams, qif, qifCharge } from "@sew/neurons";
import { describeNeuron, membraneParams, type Numeric } from "@sew/neurons/testing";
import { grads, tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

/** Weak enough that six steps from a potential of 8 stay float32 numbers when a soft reset leaves it up there. */
const params: fc.Arbitrary<Numeric<QifParams>> = fc
  .record({
    membrane: membraneParams,
    tau: float32(2, 32),
    vCritical: float32(-1, 2),
    a0: float32(2 ** -6, 0.25),
    vRest: float32(-1, 1),
  })
  .map(({ membrane, ...own }) => ({ ...membrane, ...own }));

describeNeuron(qif, params);

describeBackends("qifCharge", () => {
  it("adds a τ-th of the current and of a parabola with its roots at V_rest and V_c", () =>
    fc.assert(
      fc.property(floats, params, (vs, p) =>
        scoped(() => {
          const xs = vs.toReversed();
          expectClose(
            qifCharge(tensor1d(vs), tensor1d(xs), p),
            vs.map((v, i) => v + (xs[i]! + p.a0 * (v - p.vRest) * (v - p.vCritical)) / p.tau),
          );
        }),
      ),
    ));

  it("keeps a potential at V_rest and at V_c where they are, without a current", () =>
    fc.assert(
      fc.property(params, (p) =>
        scoped(() => {
          const v = [p.vRest, p.vCritical];
          expect(read(qifCharge(tensor1d(v), tensor1d([0, 0]), p)).map((u) => u + 0)).toEqual(v.map((u) => u + 0));
        }),
      ),
    ));

  it("has slope 1 + a₀ (2V − V_rest − V_c)/τ in v and 1/τ in x", () =>
    fc.assert(
      fc.property(floats, params, (vs, p) =>
        scoped(() => {
          const [dv, dx] = grads((v, x) => qifCharge(v, x, p))([tensor1d(vs), tensor1d(vs)]);
          expectClose(
            dv!,
            vs.map((v) => 1 + (p.a0 * (2 * v - p.vRest - p.vCritical)) / p.tau),
          );
          expectClose(
            dx!,
            vs.map(() => 1 / p.tau),
          );
        }),
      ),
    ));
});

describeBackends("qif", () => {
  it.each([
    { v: 0, x: 2, spike: 1, next: 0, why: "fires on the threshold (H = 1)" },
    { v: 0, x: 1.5, spike: 0, next: 0.75, why: "stays charged below it" },
    { v: 0.4, x: 0, spike: 0, next: 0.32, why: "falls back below V_c (0.4 − 0.4 · 0.4/2)" },
    { v: 0.9, x: 0, spike: 0, next: 0.945, why: "charges itself above V_c (0.9 + 0.9 · 0.1/2)" },
    { v: 0.96, x: 0, spike: 1, next: 0, why: "and so fires without a current (H = 1.0368)" },
  ])("$why, from v = $v and x = $x at the defaults", ({ v, x, spike, next }) =>
    scoped(() => {
      const out = neuron(qif)({ v: tensor1d([v]) }, tensor1d([x]));
      expect(read(out.spikes)).toEqual([spike]);
      expectClose(out.state.v, [next], { relative: 1e-6, absolute: 0 });
    }),
  );

  it("has τ = 2, V_c = 0.8, a₀ = 1 and V_rest = 0 unless told", () =>
    expect(qif.defaults).toMatchObject({ tau: 2, vCritical: 0.8, a0: 1, vRest: 0, vThreshold: 1, vReset: 0 }));
});

describe("qif's check", () => {
  it.each([0.5, Number.NaN, Number.POSITIVE_INFINITY])("refuses tau = %s", (tau) =>
    expect(() => neuron(qif, { tau })).toThrow(new RangeError(`qif: tau must be at least 1 time-step, got ${tau}`)),
  );

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses a0 = %s", (a0) =>
    expect(() => neuron(qif, { a0 })).toThrow(new RangeError(`qif: a0 must be a finite number above 0, got ${a0}`)),
  );

  it.each(["vCritical", "vRest"])("refuses %s = NaN and Infinity", (name) => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => neuron(qif, { [name]: value })).toThrow(
        new RangeError(`qif: ${name} must be a finite number, got ${value}`),
      );
    }
  });
});
