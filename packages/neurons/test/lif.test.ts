import { describeBackends, expectClose, float32, floats, read, scoped } from "@sew/kernels/testing";
import { type LifParams, lif, lifCharge, neuron, unroll } from "@sew/neurons";
import { describeNeuron, membraneParams, type Numeric } from "@sew/neurons/testing";
import { grads, tensor1d, tensor2d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const params: fc.Arbitrary<Numeric<LifParams>> = fc
  .tuple(membraneParams, float32(1, 64), fc.boolean())
  .map(([membrane, tau, decayInput]) => ({ ...membrane, tau, decayInput }));

describeNeuron(lif, params);

describeBackends("lifCharge", () => {
  it("moves a fraction 1/τ from v towards x + V_reset (Eq. 5)", () =>
    fc.assert(
      fc.property(floats, params, (vs, p) =>
        scoped(() => {
          const xs = vs.toReversed();
          expectClose(
            lifCharge(tensor1d(vs), tensor1d(xs), { ...p, decayInput: true }),
            vs.map((v, i) => (1 - 1 / p.tau) * v + (xs[i]! + p.vReset) / p.tau),
          );
        }),
      ),
    ));

  it("moves a fraction 1/τ from v towards V_reset, and by all of x, when the input does not decay", () =>
    fc.assert(
      fc.property(floats, params, (vs, p) =>
        scoped(() => {
          const xs = vs.toReversed();
          expectClose(
            lifCharge(tensor1d(vs), tensor1d(xs), { ...p, decayInput: false }),
            vs.map((v, i) => (1 - 1 / p.tau) * v + p.vReset / p.tau + xs[i]!),
          );
        }),
      ),
    ));

  it("forgets the past at τ = 1", () =>
    fc.assert(
      fc.property(floats, params, (vs, p) =>
        scoped(() => {
          const x = tensor1d(vs.map(() => 0.5));
          const expected = vs.map(() => 0.5 + p.vReset);
          expectClose(lifCharge(tensor1d(vs), x, { ...p, tau: 1 }), expected);
        }),
      ),
    ));

  it("stays at rest without a current", () =>
    fc.assert(
      fc.property(params, (p) =>
        scoped(() => expectClose(lifCharge(tensor1d([p.vReset]), tensor1d([0]), p), [p.vReset])),
      ),
    ));

  it("has slope 1 − 1/τ in v and, in x, 1/τ or 1 as the input decays or not", () =>
    fc.assert(
      fc.property(floats, params, (vs, p) =>
        scoped(() => {
          const [dv, dx] = grads((v, x) => lifCharge(v, x, p))([tensor1d(vs), tensor1d(vs)]);
          expectClose(
            dv!,
            vs.map(() => 1 - 1 / p.tau),
          );
          expectClose(
            dx!,
            vs.map(() => (p.decayInput ? 1 / p.tau : 1)),
          );
        }),
      ),
    ));
});

describeBackends("lif", () => {
  it.each([
    { v: 0, x: 1.5, spike: 0, next: 0.75, why: "stays charged below the threshold" },
    { v: 0.75, x: 1.5, spike: 1, next: 0, why: "fires and resets above it (H = 1.125)" },
    { v: 0, x: 2, spike: 1, next: 0, why: "fires on it (H = 1)" },
    { v: 0.5, x: 0, spike: 0, next: 0.25, why: "leaks half of itself" },
  ])("$why, from v = $v and x = $x at τ = 2", ({ v, x, spike, next }) =>
    scoped(() => {
      const out = neuron(lif)({ v: tensor1d([v]) }, tensor1d([x]));
      expect([read(out.spikes), read(out.state.v)]).toEqual([[spike], [next]]);
    }),
  );

  it("counts τ in time-steps: after τ steps of no current, (1 − 1/τ)^τ of the potential is left", () =>
    scoped(() => {
      const tau = 8;
      const { v } = unroll(neuron(lif, { tau }), tensor2d(new Array(tau).fill(0), [tau, 1]), {
        v: tensor1d([0.9]),
      }).state;
      expectClose(v, [0.9 * (7 / 8) ** 8]);
    }));

  it("does not copy a spike: one of height 1 charges it to 1/τ", () =>
    scoped(() => expect(read(unroll(neuron(lif), tensor2d([[1]])).state.v)).toEqual([0.5])));

  it("works out by hand without decay of the input: τ = 4, V_reset = 0.25, currents 0.5, 0.5, 0.25", () =>
    scoped(() => {
      // H = 0.25 + 0.5, 0.75 − 0.125 + 0.5 (fires), 0.25 + 0.25
      const step = neuron(lif, { tau: 4, vReset: 0.25, decayInput: false });
      const { spikes, state } = unroll(step, tensor2d([[0.5], [0.5], [0.25]]));
      expect([read(spikes), read(state.v)]).toEqual([[0, 1, 0], [0.5]]);
    }));
});

describe("lif's check", () => {
  it.each([0, 0.5, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses tau = %s", (tau) =>
    expect(() => neuron(lif, { tau })).toThrow(new RangeError(`lif: tau must be at least 1 time-step, got ${tau}`)),
  );
});
