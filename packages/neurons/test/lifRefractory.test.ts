import { describeBackends, expectClose, float32, floats, read, scoped } from "@sew/kernels/testing";
import {
  firingCurrent,
  type LifRefractoryParams,
  lif,
  lifRefractory,
  neuron,
  silentCurrent,
  unroll,
} from "@sew/neurons";
import { describeNeuron, membraneParams, type Numeric } from "@sew/neurons/testing";
import { fill, grad, sum, type Tensor, tensor, tensor2d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const params: fc.Arbitrary<Numeric<LifRefractoryParams>> = fc
  .record({ membrane: membraneParams, tau: float32(1, 32), decayInput: fc.boolean(), refractory: float32(0, 4) })
  .map(({ membrane, ...own }) => ({ ...membrane, ...own }));

describeNeuron(lifRefractory, params, { unsmooth: "its period begins and ends with a step" });

describeBackends("lifRefractory", () => {
  it("works out by hand: τ = 2, a period of 2, currents 2 2 2 1 2, from rest", () =>
    scoped(() => {
      // H = 1 fires, R = 2. Two steps at rest, R = 1, 0. H = 1/2. H = 5/4 fires, R = 2.
      const { spikes, state } = unroll(neuron(lifRefractory), tensor2d([[2], [2], [2], [1], [2]]));
      expect([read(spikes), read(state.v), read(state.r)]).toEqual([[1, 0, 0, 0, 1], [0], [2]]);
    }));

  it("is silent for the whole period even where a soft reset leaves the potential above the threshold", () =>
    scoped(() => {
      const { spikes, state } = unroll(neuron(lifRefractory, { tau: 1, reset: "soft" }), tensor2d([[4], [0], [0]]));
      expect([read(spikes), read(state.v)]).toEqual([[1, 0, 0], [3]]);
    }));

  it("never fires twice within its period, and holds its potential in it", () =>
    fc.assert(
      fc.property(
        fc.array(float32(-4, 16), { minLength: 4, maxLength: 24 }),
        fc.integer({ min: 1, max: 5 }),
        (xs, refractory) =>
          scoped(() => {
            const { spikes } = unroll(neuron(lifRefractory, { refractory }), tensor(xs, [xs.length, 1]));
            const times = read(spikes).flatMap((s, t) => (s === 1 ? [t] : []));
            for (const [i, t] of times.entries()) if (i > 0) expect(t - times[i - 1]!).toBeGreaterThan(refractory);
          }),
      ),
    ));

  it("fires every 1 + period steps under a strong current", () =>
    scoped(() => {
      const { spikes } = unroll(neuron(lifRefractory, { refractory: 3 }), fill([9, 1], 100));
      expect(read(spikes)).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
    }));

  it("is LIF with a period of 0", () =>
    fc.assert(
      fc.property(floats, params, (xs, { refractory: _, ...p }) =>
        scoped(() => {
          const x = tensor(xs, [xs.length, 1]);
          const [a, b] = [unroll(neuron(lifRefractory, { ...p, refractory: 0 }), x), unroll(neuron(lif, p), x)];
          expect([read(a.spikes), read(a.state.v)]).toEqual([read(b.spikes), read(b.state.v)]);
        }),
      ),
    ));

  it("passes no gradient to the currents of the period", () =>
    scoped(() => {
      const last = (x: Tensor) => sum(unroll(neuron(lifRefractory), x).state.v);
      expectClose(grad(last)(tensor2d([[2], [1], [1], [1]])), [0, 0, 0, 0.5]);
    }));
});

describeBackends("the currents of lifRefractory", () => {
  it("leave it silent at 0, and at none does it fire in every step", () => {
    expect(silentCurrent(neuron(lifRefractory))).toBe(0);
    expect(firingCurrent(neuron(lifRefractory, { refractory: 0 }))).toBe(2);
    expect(() => firingCurrent(neuron(lifRefractory))).toThrow(
      new RangeError(
        `firingCurrent: neuron must fire at every step at some constant current, got one that does not at any up to ${2 ** 64}`,
      ),
    );
  });
});

describe("lifRefractory's check", () => {
  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("refuses refractory = %s", (refractory) =>
    expect(() => neuron(lifRefractory, { refractory })).toThrow(
      new RangeError(`lifRefractory: refractory must be a finite number of at least 0, got ${refractory}`),
    ),
  );
});
