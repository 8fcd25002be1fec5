import { describeBackends, expectClose, float32, floats, read, scoped } from "@sew/kernels/testing";
import { firingCurrent, type IlifParams, ilif, ilifFire, lif, neuron, silentCurrent, unroll } from "@sew/neurons";
import { describeNeuron, type Numeric } from "@sew/neurons/testing";
import { fill, grad, scalar, sum, type Tensor, tensor, tensor1d, tensor2d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const params: fc.Arbitrary<Numeric<IlifParams>> = fc.record({
  vThreshold: float32(0.25, 2),
  vReset: float32(-2, 2),
  reset: fc.constant("soft" as const),
  detachReset: fc.boolean(),
  tau: float32(1, 32),
  maxSpikes: fc.integer({ min: 1, max: 8 }),
});

describeNeuron(ilif, params, { numbersOnly: ["maxSpikes"], unsmooth: "it rounds, with a slope of its own" });

describeBackends("ilifFire", () => {
  const fire = (h: number[], maxSpikes = 4) => read(ilifFire(tensor1d(h), { vThreshold: 1, maxSpikes }));

  it("rounds H/V_th within 0 and D, halves to the even number", () =>
    scoped(() => {
      expect(fire([-1, 0.25, 0.5, 0.75, 1.5, 2.5, 3.5, 4.5, 100])).toEqual([0, 0, 0, 1, 2, 2, 4, 4, 4]);
      expect(fire([0.5, 0.75, 3], 1)).toEqual([0, 1, 1]);
    }));

  it("is the nearest whole number to H/V_th wherever that is within 0 and D", () =>
    fc.assert(
      fc.property(floats, params, (hs, p) =>
        scoped(() => {
          for (const [i, s] of read(ilifFire(tensor1d(hs), p)).entries()) {
            const u = Math.min(p.maxSpikes, Math.max(0, hs[i]! / p.vThreshold));
            expect(Math.abs(s - u)).toBeLessThanOrEqual(0.5 + 1e-5);
          }
        }),
      ),
    ));

  it("has the slope 1/V_th for H/V_th from 0 to D, both included, and 0 outside", () =>
    scoped(() => {
      const h = tensor1d([-0.25, 0, 0.25, 2, 8, 8.25]);
      const slope = grad((u: Tensor) => ilifFire(u, { vThreshold: 2, maxSpikes: 4 }))(h);
      expect(read(slope)).toEqual([0, 0.5, 0.5, 0.5, 0.5, 0]);
    }));
});

describeBackends("ilif", () => {
  it("has the trace of SpikingJelly's I-LIF: τ = 4/3, θ = 1, D = 4", () =>
    scoped(() => {
      const x = tensor2d([[1.3], [0.4], [2.6], [-1], [5.2], [0.5]]);
      const { spikes, state } = unroll(neuron(ilif), x);
      expect(read(spikes)).toEqual([1, 0, 3, 0, 4, 1]);
      expectClose(state.v, [-0.266895], { relative: 1e-5, absolute: 1e-6 });
      const dx = grad((u: Tensor) => unroll(neuron(ilif, { tau: 1 }), u).spikes)(x);
      expect(read(dx)).toEqual([1, 1, 1, 0, 0, 1]);
    }));

  it("emits as much as it takes: without a leak and above 0, what is left is at most half a threshold below D", () =>
    fc.assert(
      fc.property(fc.array(float32(0, 3), { minLength: 1, maxLength: 8 }), (xs) =>
        scoped(() => {
          const { spikes, state } = unroll(neuron(ilif, { tau: 2 ** 20 }), tensor(xs, [xs.length, 1]));
          const total = xs.reduce((a, b) => a + b, 0);
          expectClose([read(sum(spikes))[0]! + read(state.v)[0]!], [total], { relative: 1e-4, absolute: 1e-4 });
          expect(Math.abs(read(state.v)[0]!)).toBeLessThanOrEqual(0.5 + 1e-4);
        }),
      ),
    ));

  it("spikes as LIF with a soft reset does where D = 1, but from V_th/2 on", () =>
    fc.assert(
      fc.property(floats, (xs) =>
        scoped(() => {
          const x = tensor(xs, [xs.length, 1]);
          const integer = unroll(neuron(ilif, { tau: 2, maxSpikes: 1, vThreshold: 2 }), x);
          fc.pre(xs.every((v) => (v * 1024) % 1 !== 0));
          const step = (v: number, current: number) => v / 2 + current;
          let v = 0;
          const spikes = xs.map((current) => {
            const h = step(v, current);
            const s = h > 1 ? 1 : 0;
            v = h - 2 * s;
            return s;
          });
          expect(read(integer.spikes)).toEqual(spikes);
        }),
      ),
      { seed: 1 },
    ));

  it("fires exactly 1 in every step at firingCurrent, and nothing at 0", () =>
    fc.assert(
      fc.property(float32(1, 8), float32(0.25, 2), (tau, vThreshold) =>
        scoped(() => {
          const step = neuron(ilif, { tau, vThreshold });
          expect(silentCurrent(step)).toBe(0);
          const { spikes } = unroll(step, fill([64, 1], firingCurrent(step)));
          expect(new Set(read(spikes))).toEqual(new Set([1]));
        }),
      ),
      { numRuns: 20 },
    ));

  it("declares the counts that it emits", () => {
    expect(neuron(ilif, { maxSpikes: 8 }).emits).toEqual({ kind: "counts", most: 8 });
    expect(neuron(lif).emits).toEqual({ kind: "bits" });
  });
});

describe("ilif's check", () => {
  it.each([0, 1.5, 256, Number.NaN])("refuses maxSpikes = %s", (maxSpikes) =>
    expect(() => neuron(ilif, { maxSpikes })).toThrow(
      new RangeError(`ilif: maxSpikes must be an integer from 1 to 255, got ${maxSpikes}`),
    ),
  );

  it("refuses a tensor for maxSpikes, a hard reset, and a threshold of 0", () =>
    scoped(() => {
      expect(() => neuron(ilif, { maxSpikes: scalar(4) as never })).toThrow(
        new RangeError("ilif: maxSpikes must be an integer from 1 to 255, got an object"),
      );
      expect(() => neuron(ilif, { reset: "hard" })).toThrow(new RangeError('ilif: reset must be "soft", got "hard"'));
      expect(() => neuron(ilif, { vThreshold: 0 })).toThrow(
        new RangeError("ilif: vThreshold must be a finite number above 0, got 0"),
      );
    }));
});
