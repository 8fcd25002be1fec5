import { describeBackends, expectClose, float32, floats, read, scoped } from "@sew/kernels/testing";
import { type KlifParams, klif, klifCharge, lif, lifCharge, neuron, unroll } from "@sew/neurons";
import { describeNeuron, membraneParams, type Numeric } from "@sew/neurons/testing";
import { constant } from "@sew/surrogates";
import { grad, grads, scalar, sum, type Tensor, tensor, tensor1d, tensor2d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const params: fc.Arbitrary<Numeric<KlifParams>> = fc
  .record({ membrane: membraneParams, tau: float32(1, 32), decayInput: fc.boolean(), k: float32(-2, 2) })
  .map(({ membrane, ...own }) => ({ ...membrane, ...own }));

describeNeuron(klif, params, { unsmooth: "it has a kink at H = 0" });

describeBackends("klifCharge", () => {
  it("is ReLU of k times the charge of LIF", () =>
    fc.assert(
      fc.property(floats, params, (vs, p) =>
        scoped(() => {
          const [v, x] = [tensor1d(vs), tensor1d(vs.toReversed())];
          expectClose(
            klifCharge(v, x, p),
            read(lifCharge(v, x, p)).map((f) => Math.max(0, p.k * f)),
          );
        }),
      ),
    ));

  it("has k as the slope by F where k F ≥ 0, F as the slope by k, and none below", () =>
    scoped(() => {
      const p = { ...klif.defaults, tau: 1, k: 3 };
      const [dx, dk] = grads((x, k) => klifCharge(tensor1d([0, 0, 0]), x, { ...p, k }))([
        tensor1d([2, 0, -2]),
        scalar(3),
      ]);
      expect([read(dx!), read(dk!)]).toEqual([[3, 3, 0], [2]]);
    }));
});

describeBackends("klif", () => {
  it.each([
    { v: 0, x: 1, spike: 0, next: 0.75, why: "is scaled by k below the threshold (F = 1/2)" },
    { v: 0.75, x: 1, spike: 1, next: 0, why: "fires and resets above it (F = 7/8, H = 21/16)" },
    { v: 0, x: -2, spike: 0, next: 0, why: "is never below 0 (F = −1)" },
  ])("$why, from v = $v and x = $x at τ = 2 and k = 3/2", ({ v, x, spike, next }) =>
    scoped(() => {
      const out = neuron(klif, { k: 1.5 })({ v: tensor1d([v]) }, tensor1d([x]));
      expect([read(out.spikes), read(out.state.v)]).toEqual([[spike], [next]]);
    }),
  );

  it("is LIF at k = 1 as long as the potential stays above 0", () =>
    fc.assert(
      fc.property(fc.array(float32(0, 4), { minLength: 1, maxLength: 8 }), float32(1, 8), (xs, tau) =>
        scoped(() => {
          const x = tensor(xs, [xs.length, 1]);
          const [a, b] = [unroll(neuron(klif, { tau }), x), unroll(neuron(lif, { tau }), x)];
          expect([read(a.spikes), read(a.state.v)]).toEqual([read(b.spikes), read(b.state.v)]);
        }),
      ),
    ));

  it("has the values of SpikingJelly's KLIFNode: τ = 2, k = 1.3, soft reset", () =>
    scoped(() => {
      const x = tensor2d([[0.5], [1.7], [2.4], [-1.5], [0.9], [2.2]]);
      const { spikes, state } = unroll(neuron(klif, { k: 1.3, reset: "soft" }), x);
      expect(read(spikes)).toEqual([0, 1, 1, 0, 0, 1]);
      expectClose(state.v, [0.8102498]);
    }));

  it("learns k through all steps: two steps of x = 1 at τ = 1 leave V = k, so dV/dk = 1, and through the spike σ' F", () =>
    scoped(() => {
      const x = tensor2d([[1], [1]]);
      const layer = (k: Tensor) => neuron(klif, { k, tau: 1, vThreshold: 10 }, constant());
      expect(read(grad((k) => sum(unroll(layer(k), x).state.v))(scalar(2)))).toEqual([1]);
      expect(read(grad((k) => sum(unroll(layer(k), x).spikes))(scalar(2)))).toEqual([2]);
    }));
});

describe("klif's check", () => {
  it("refuses k = NaN and τ below 1", () => {
    expect(() => neuron(klif, { k: Number.NaN })).toThrow(new RangeError("klif: k must be a finite number, got NaN"));
    expect(() => neuron(klif, { tau: 0.5 })).toThrow(new RangeError("klif: tau must be at least 1 time-step, got 0.5"));
  });
});
