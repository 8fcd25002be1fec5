import { describeBackends, expectClose, float32, floats, read, scoped, spikesOf } from "@sew/kernels/testing";
import { type AlifParams, alif, alifAdaptation, lif, neuron, unroll } from "@sew/neurons";
import { describeNeuron, membraneParams, type Numeric } from "@sew/neurons/testing";
import { constant } from "@sew/surrogates";
import { fill, grad, scalar, sum, type Tensor, tensor, tensor1d, tensor2d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const params: fc.Arbitrary<Numeric<AlifParams>> = fc
  .record({
    membrane: membraneParams,
    tau: float32(1, 32),
    decayInput: fc.boolean(),
    beta: float32(-2, 2),
    tauAdaptation: float32(1, 64),
  })
  .map(({ membrane, ...own }) => ({ ...membrane, ...own }));

describeNeuron(alif, params);

/** ρ = 1/2. */
const half = 1 / Math.LN2;

describeBackends("alifAdaptation", () => {
  it("is a running mean of the spikes: from [0, 1] it stays there, and constant spikes pull it to themselves", () =>
    fc.assert(
      fc.property(float32(0, 1), spikesOf(8), float32(1, 64), (start, spikes, tauAdaptation) =>
        scoped(() => {
          let a = start;
          for (const s of spikes) {
            const [next] = read(alifAdaptation(tensor1d([a]), tensor1d([s]), { tauAdaptation }));
            const rho = Math.exp(-1 / tauAdaptation);
            expectClose([next! - s], [rho * (a - s)]);
            expect(next).toBeGreaterThanOrEqual(0);
            expect(next).toBeLessThanOrEqual(1 + 1e-6);
            a = next!;
          }
        }),
      ),
    ));
});

describeBackends("alif", () => {
  it("works out by hand: τ = 1, β = 2, ρ = 1/2, currents 1 1 1.75 2 2", () =>
    scoped(() => {
      // H is the current. Threshold 1: fires, A = 1/2. 2: no, 1/4. 3/2: fires, 5/8. 9/4: no, 5/16. 13/8: fires, 21/32.
      const { spikes, state } = unroll(
        neuron(alif, { tau: 1, beta: 2, tauAdaptation: half }),
        tensor2d([[1], [1], [1.75], [2], [2]]),
      );
      expect(read(spikes)).toEqual([1, 0, 1, 0, 1]);
      expectClose(state.a, [21 / 32]);
      expect(read(state.v)).toEqual([0]);
    }));

  it("falls by V_th, not by the raised threshold, with a soft reset", () =>
    scoped(() => {
      const step = neuron(alif, { tau: 1, beta: 2, reset: "soft" });
      const { spikes, state } = step({ v: tensor1d([0]), a: tensor1d([0.5]) }, tensor1d([2.5]));
      expect([read(spikes), read(state.v)]).toEqual([[1], [1.5]]);
    }));

  it("is LIF at β = 0", () =>
    fc.assert(
      fc.property(floats, params, (xs, { beta: _, tauAdaptation: __, ...p }) =>
        scoped(() => {
          const x = tensor(xs, [xs.length, 1]);
          const [a, b] = [unroll(neuron(alif, { ...p, beta: 0 }), x), unroll(neuron(lif, p), x)];
          expect([read(a.spikes), read(a.state.v)]).toEqual([read(b.spikes), read(b.state.v)]);
        }),
      ),
    ));

  it("fires less and less under a constant current, where LIF fires evenly", () =>
    scoped(() => {
      const x = fill([60, 1], 1.5);
      const firstAndLast = (spikes: number[]) => {
        const times = spikes.flatMap((s, t) => (s === 1 ? [t] : []));
        return [times[1]! - times[0]!, times.at(-1)! - times.at(-2)!];
      };
      const [first, last] = firstAndLast(read(unroll(neuron(alif, { tau: 4, beta: 0.4 }), x).spikes));
      expect(last).toBeGreaterThan(first!);
      const [even, same] = firstAndLast(read(unroll(neuron(lif, { tau: 4 }), x).spikes));
      expect(same).toBe(even);
    }));

  it("passes the gradient of β through the threshold: −σ' A", () =>
    scoped(() => {
      const state = { v: tensor1d([0]), a: tensor1d([0.75]) };
      const spikes = (beta: Tensor) => sum(neuron(alif, { beta }, constant())(state, tensor1d([1])).spikes);
      expect(read(grad(spikes)(scalar(1)))).toEqual([-0.75]);
    }));
});

describe("alif's check", () => {
  it("refuses parameters outside their domain", () => {
    expect(() => neuron(alif, { tauAdaptation: 0.5 })).toThrow(
      new RangeError("alif: tauAdaptation must be at least 1 time-step, got 0.5"),
    );
    expect(() => neuron(alif, { beta: Number.NaN })).toThrow(
      new RangeError("alif: beta must be a finite number, got NaN"),
    );
  });
});
