import { describeBackends, expectClose, float32, floats, read, scoped } from "@sew/kernels/testing";
import { type IzhikevichParams, izhikevich, izhikevichCharge, izhikevichRecovery, neuron, unroll } from "@sew/neurons";
import { describeNeuron, membraneParams, type Numeric } from "@sew/neurons/testing";
import { rectangular } from "@sew/surrogates";
import { fill, grad, type Tensor, tensor1d, tensor2d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

/** Weak enough that six steps from a potential of 8 stay float32 numbers when a soft reset leaves it up there. */
const params: fc.Arbitrary<Numeric<IzhikevichParams>> = fc
  .record({
    membrane: membraneParams,
    a0: float32(2 ** -6, 0.125),
    vRest: float32(-1, 1),
    vCritical: float32(-1, 2),
    recoveryRate: float32(0, 0.5),
    recoverySensitivity: float32(-1, 1),
    recoveryJump: float32(-1, 1),
  })
  .map(({ membrane, ...own }) => ({ ...membrane, ...own }));

describeNeuron(izhikevich, params);

/** The paper's four lines, with its two half steps of v taken as one. */
function published(steps: number, current: number, { a = 0.02, b = 0.2, c = -65, d = 8 } = {}): number[] {
  let [v, u] = [c, b * -70];
  return Array.from({ length: steps }, () => {
    v += 0.04 * v ** 2 + 5 * v + 140 - u + current;
    u += a * (b * v - u);
    const spike = v >= 30 ? 1 : 0;
    if (spike) [v, u] = [c, u + d];
    return spike;
  });
}

/** The patterns of the paper's Fig. 2 that a step of 1 ms shows. */
const patterns = [
  { name: "regular spiking", of: {} },
  { name: "intrinsically bursting", of: { c: -55, d: 4 } },
  { name: "chattering", of: { c: -50, d: 2 } },
  { name: "fast spiking", of: { a: 0.1, d: 2 } },
];

const count = (spikes: number[]) => spikes.reduce((a, b) => a + b, 0);

describeBackends("izhikevichCharge", () => {
  it("adds the current, and a parabola with its roots at V_rest and V_c, and takes the recovery away", () =>
    fc.assert(
      fc.property(floats, params, (vs, p) =>
        scoped(() => {
          const [us, xs] = [vs.map((v) => v / 2), vs.toReversed()];
          expectClose(
            izhikevichCharge(tensor1d(vs), tensor1d(us), tensor1d(xs), p),
            vs.map((v, i) => v + p.a0 * (v - p.vRest) * (v - p.vCritical) - us[i]! + xs[i]!),
            { relative: 1e-5, absolute: 1e-4 },
          );
        }),
      ),
    ));
});

describeBackends("izhikevichRecovery", () => {
  it("moves a part `a` of the way to b (H − V_rest)", () =>
    fc.assert(
      fc.property(floats, params, (hs, p) =>
        scoped(() => {
          const us = hs.toReversed();
          expectClose(
            izhikevichRecovery(tensor1d(hs), tensor1d(us), p),
            hs.map((h, i) => us[i]! + p.recoveryRate * (p.recoverySensitivity * (h - p.vRest) - us[i]!)),
          );
        }),
      ),
    ));
});

describeBackends("izhikevich", () => {
  it.each([
    { v: 0, u: 0, x: 0, spike: 0, nextV: 0, nextU: 0, why: "rests at V_rest" },
    {
      v: 0.15,
      u: 0,
      x: 0,
      spike: 0,
      nextV: 0.15,
      nextU: 0.0006,
      why: "is held at V_c, and recovers (0.02 · 0.2 · 0.15)",
    },
    {
      v: 0.5,
      u: 0.25,
      x: 0.1,
      spike: 1,
      nextV: 0.05,
      nextU: 0.3292,
      why: "fires (H = 1.05), resets to V_reset and raises U",
    },
    { v: 0.5, u: 0.25, x: 0, spike: 0, nextV: 0.95, nextU: 0.2488, why: "stays charged below the peak (H = 0.95)" },
  ])("$why, from v = $v, u = $u and x = $x at the defaults", ({ v, u, x, spike, nextV, nextU }) =>
    scoped(() => {
      const out = neuron(izhikevich)({ v: tensor1d([v]), u: tensor1d([u]) }, tensor1d([x]));
      expect(read(out.spikes)).toEqual([spike]);
      expectClose(out.state.v, [nextV], { relative: 1e-6, absolute: 1e-7 });
      expectClose(out.state.u, [nextU], { relative: 1e-6, absolute: 1e-7 });
    }),
  );

  it("has the values of SpikingJelly's IzhikevichNode: τ = 1, a₀ = 4, v_c = 0.15, τ_w = 50, a = 0.2, b = 0.08", () =>
    scoped(() => {
      const x = tensor2d([[0.05], [0.3], [0.45], [0.2], [-0.1], [0.6], [0.5], [0.3]]);
      const { spikes, state } = unroll(neuron(izhikevich), x);
      expect(read(spikes)).toEqual([0, 0, 1, 0, 0, 0, 1, 0]);
      expectClose(state.v, [0.16162182]);
      expectClose(state.u, [0.1656571]);
    }));

  it.each([
    { detachReset: true, gradient: 0.02 * 0.2 },
    { detachReset: false, gradient: 0.02 * 0.2 + 0.08 },
  ])(
    "cuts the jump of U from the gradient, as the reset of V, with detachReset: $detachReset",
    ({ detachReset, gradient }) =>
      scoped(() => {
        const own = neuron(izhikevich, { detachReset }, rectangular());
        // Fires with H = 1.05, where the surrogate has the slope 1.
        const u = (x: Tensor) => own({ v: tensor1d([0.5]), u: tensor1d([0.25]) }, x).state.u;
        expectClose(grad(u)(tensor1d([0.1])), [gradient]);
      }),
  );

  it.each(patterns)("fires as the paper's equations do: $name, in units of 100 mV and in mV", ({ of }) =>
    scoped(() => {
      const { a = 0.02, b = 0.2, c = -65, d = 8 } = of as { a?: number; b?: number; c?: number; d?: number };
      const expected = count(published(300, 10, of));
      const scaled = neuron(izhikevich, {
        recoveryRate: a,
        recoverySensitivity: b,
        vReset: (c + 70) / 100,
        recoveryJump: d / 100,
      });
      const mV = neuron(izhikevich, {
        a0: 0.04,
        vRest: -70,
        vCritical: -55,
        vThreshold: 30,
        vReset: c,
        recoveryRate: a,
        recoverySensitivity: b,
        recoveryJump: d,
      });
      // Float32 may move a spike by a step; none is lost.
      expect(expected).toBeGreaterThan(3);
      for (const [step, x] of [
        [scaled, 0.1],
        [mV, 10],
      ] as const) {
        expect(Math.abs(count(read(unroll(step, fill([300, 1], x)).spikes)) - expected)).toBeLessThanOrEqual(1);
      }
    }),
  );
});

describe("izhikevich's check", () => {
  it.each([0, -1, Number.NaN])("refuses a0 = %s", (a0) =>
    expect(() => neuron(izhikevich, { a0 })).toThrow(
      new RangeError(`izhikevich: a0 must be a finite number above 0, got ${a0}`),
    ),
  );

  it.each(["vRest", "vCritical", "recoveryRate", "recoverySensitivity", "recoveryJump"])("refuses %s = NaN", (name) =>
    expect(() => neuron(izhikevich, { [name]: Number.NaN })).toThrow(
      new RangeError(`izhikevich: ${name} must be a finite number, got NaN`),
    ),
  );
});
