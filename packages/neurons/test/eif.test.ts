import { describeBackends, expectClose, float32, floats, read, scoped } from "@sew/kernels/testing";
import { type EifParams, eif, eifCharge, neuron, unroll } from "@sew/neurons";
import { describeNeuron, membraneParams, type Numeric } from "@sew/neurons/testing";
import { grads, tensor1d, zeros } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const own = (tau: fc.Arbitrary<number>, deltaT: fc.Arbitrary<number>) =>
  fc
    .record({ membrane: membraneParams, tau, deltaT, thetaRh: float32(-1, 1), vRest: float32(-1, 1) })
    .map(({ membrane, ...rest }): Numeric<EifParams> => ({ ...membrane, ...rest }));

/**
 * A hard reset brings any potential back, so that exp(8) is the most there is. A soft one leaves it up there: six steps
 * from a potential of 8 stay float32 numbers where the take-off is blunt and slow.
 */
const params: fc.Arbitrary<Numeric<EifParams>> = fc.oneof(
  own(float32(1, 32), float32(1, 4)).map((p) => ({ ...p, reset: "hard" as const })),
  own(float32(8, 64), float32(16, 64)),
);

describeNeuron(eif, params);

describeBackends("eifCharge", () => {
  it("adds a τ-th of the current, the leak and the exponential", () =>
    fc.assert(
      fc.property(floats, params, (vs, p) =>
        scoped(() => {
          const xs = vs.toReversed();
          expectClose(
            eifCharge(tensor1d(vs), tensor1d(xs), p),
            vs.map((v, i) => v + (xs[i]! - (v - p.vRest) + p.deltaT * Math.exp((v - p.thetaRh) / p.deltaT)) / p.tau),
          );
        }),
      ),
    ));

  it("has slope 1 − 1/τ + exp((V − θ_rh)/Δ_T)/τ in v and 1/τ in x", () =>
    fc.assert(
      fc.property(floats, params, (vs, p) =>
        scoped(() => {
          const [dv, dx] = grads((v, x) => eifCharge(v, x, p))([tensor1d(vs), tensor1d(vs)]);
          expectClose(
            dv!,
            vs.map((v) => 1 - 1 / p.tau + Math.exp((v - p.thetaRh) / p.deltaT) / p.tau),
          );
          expectClose(
            dx!,
            vs.map(() => 1 / p.tau),
          );
        }),
      ),
    ));
});

describeBackends("eif", () => {
  it.each([
    { v: 0, x: 0, spike: 0, next: 0.22466448, why: "charges itself (exp(−0.8)/2)" },
    { v: 0.8, x: 0, spike: 0, next: 0.9, why: "also at θ_rh (0.8 + (−0.8 + 1)/2)" },
    { v: 0.8, x: 0.25, spike: 1, next: 0, why: "fires above the threshold (H = 1.025)" },
    { v: -2, x: 0, spike: 0, next: -0.96959497, why: "leaks towards rest (−2 + (2 + exp(−2.8))/2)" },
  ])("$why, from v = $v and x = $x at the defaults", ({ v, x, spike, next }) =>
    scoped(() => {
      const out = neuron(eif)({ v: tensor1d([v]) }, tensor1d([x]));
      expect(read(out.spikes)).toEqual([spike]);
      expectClose(out.state.v, [next], { relative: 1e-6, absolute: 0 });
    }),
  );

  it("fires without a current at the defaults, and does not where the exponential starts late", () =>
    scoped(() => {
      const spikes = (thetaRh: number) => read(unroll(neuron(eif, { thetaRh }), zeros([32, 1])).spikes);
      expect(spikes(0.8)).toContain(1);
      expect(spikes(1.5)).not.toContain(1);
    }));

  it("has τ = 2, Δ_T = 1, θ_rh = 0.8 and V_rest = 0 unless told", () =>
    expect(eif.defaults).toMatchObject({ tau: 2, deltaT: 1, thetaRh: 0.8, vRest: 0, vThreshold: 1, vReset: 0 }));
});

describe("eif's check", () => {
  it.each([0.5, Number.NaN, Number.POSITIVE_INFINITY])("refuses tau = %s", (tau) =>
    expect(() => neuron(eif, { tau })).toThrow(new RangeError(`eif: tau must be at least 1 time-step, got ${tau}`)),
  );

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses deltaT = %s", (deltaT) =>
    expect(() => neuron(eif, { deltaT })).toThrow(
      new RangeError(`eif: deltaT must be a finite number above 0, got ${deltaT}`),
    ),
  );

  it.each(["thetaRh", "vRest"])("refuses %s = NaN and Infinity", (name) => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => neuron(eif, { [name]: value })).toThrow(
        new RangeError(`eif: ${name} must be a finite number, got ${value}`),
      );
    }
  });
});
