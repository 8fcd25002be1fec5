import { hasKernel, multiStepNeuronKernel } from "@sew/kernels";
import { describeBackends, expectClose, float32, floats, read, scoped, sequences } from "@sew/kernels/testing";
import { composed, lif, lifCharge, neuron, type PlifParams, plif, plifCharge, plifInitial, unroll } from "@sew/neurons";
import { describeNeuron, membraneParams, type Numeric } from "@sew/neurons/testing";
import { grad, scalar, sum, type Tensor, tensor, tensor1d, tensor2d, zeros } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const params: fc.Arbitrary<Numeric<PlifParams>> = fc
  .tuple(membraneParams, float32(-4, 4), fc.boolean())
  .map(([membrane, w, decayInput]) => ({ ...membrane, w, decayInput }));

const sigmoid = (w: number) => 1 / (1 + Math.exp(-w));

describeNeuron(plif, params);

describeBackends("plifCharge", () => {
  it("is that of LIF with τ = 1 / sigmoid(w)", () =>
    fc.assert(
      fc.property(floats, params, (vs, p) =>
        scoped(() => {
          const [v, x] = [tensor1d(vs), tensor1d(vs.toReversed())];
          expectClose(plifCharge(v, x, p), lifCharge(v, x, { ...p, tau: 1 / sigmoid(p.w as number) }));
        }),
      ),
    ));
});

describeBackends("plif", () => {
  it.each([
    { v: 0, x: 1.5, spike: 0, next: 0.75, why: "stays charged below the threshold" },
    { v: 0.75, x: 1.5, spike: 1, next: 0, why: "fires and resets above it (H = 1.125)" },
    { v: 0, x: 2, spike: 1, next: 0, why: "fires on it (H = 1)" },
  ])("$why, from v = $v and x = $x at w = 0", ({ v, x, spike, next }) =>
    scoped(() => {
      const out = neuron(plif)({ v: tensor1d([v]) }, tensor1d([x]));
      expect([read(out.spikes), read(out.state.v)]).toEqual([[spike], [next]]);
    }),
  );

  it("learns one w for a whole layer: its gradient sums over all neurons", () =>
    fc.assert(
      fc.property(floats, params, (xs, p) =>
        scoped(() => {
          // Below every threshold nothing fires, and V = sigmoid(w) (x + V_reset − V_reset) from rest.
          const quiet = { ...p, vThreshold: 1000, decayInput: true };
          const x = tensor(xs, [1, xs.length]);
          const dw = grad((w) => sum(unroll(neuron(plif, { ...quiet, w }), x).state.v))(scalar(p.w as number));
          const s = sigmoid(p.w as number);
          const expected = xs.reduce((total, current) => total + s * (1 - s) * current, 0);
          expectClose(dw, [expected], { relative: 1e-4, absolute: 1e-4 });
        }),
      ),
    ));

  it("learns through all T steps: two steps of x = 1 from rest leave V = 2r − r², so dV/dw = (2 − 2r) r (1 − r)", () =>
    scoped(() => {
      const w = scalar(0.5);
      const r = sigmoid(0.5);
      const x = tensor2d([[1], [1]]);
      const layer = (u: Tensor) => neuron(plif, { w: u, vThreshold: 10 });
      expectClose(unroll(layer(w), x).state.v, [2 * r - r * r]);
      expectClose(grad((u) => sum(unroll(layer(u), x).state.v))(w), [(2 - 2 * r) * r * (1 - r)]);
    }));

  it("learns the leak alone when the input does not decay: two steps of x = 1 from rest leave V = 2 − r", () =>
    scoped(() => {
      const w = scalar(0.5);
      const r = sigmoid(0.5);
      const x = tensor2d([[1], [1]]);
      const layer = (u: Tensor) => neuron(plif, { w: u, vThreshold: 10, decayInput: false });
      expectClose(unroll(layer(w), x).state.v, [2 - r]);
      expectClose(grad((u) => sum(unroll(layer(u), x).state.v))(w), [-r * (1 - r)]);
    }));

  it("gets from a fused kernel the gradient of w that the composed operations have", ({ skip }) => {
    if (!hasKernel(multiStepNeuronKernel, neuron(plif))) skip("the backend has no fused kernel for PLIF");
    fc.assert(
      fc.property(sequences, params, (s, p) =>
        scoped(() => {
          const x = tensor(s.x, [s.steps, s.size]);
          const dw = (fused: boolean) =>
            grad((w) => {
              const n = neuron(plif, { ...p, w });
              return sum(unroll(fused ? n : composed(n), x).spikes);
            })(scalar(p.w as number));
          expectClose(dw(true), dw(false), { relative: 1e-4, absolute: 1e-4 });
        }),
      ),
    );
  });

  it("takes w as a number, a scalar, or a tensor of one value", () =>
    scoped(() => {
      const x = tensor2d([
        [0.5, 1.5],
        [1, 2],
      ]);
      const [a, b, c] = [0.5, scalar(0.5), tensor1d([0.5])].map((w) => unroll(neuron(plif, { w }), x).state.v);
      expectClose(b!, a!);
      expectClose(c!, a!);
    }));
});

describeBackends("plifInitial", () => {
  it("is the w at which PLIF is LIF with that τ", () =>
    fc.assert(
      fc.property(float32(1.0625, 64), floats, (tau, xs) =>
        scoped(() => {
          const x = tensor(xs, [1, xs.length]);
          const vThreshold = 1000;
          const potential = unroll(neuron(plif, { w: plifInitial(tau), vThreshold }), x).state.v;
          expectClose(potential, unroll(neuron(lif, { tau, vThreshold }), x).state.v);
        }),
      ),
    ));
});

describe("plif's check", () => {
  it.each([1, 0, -2, Number.NaN, Number.POSITIVE_INFINITY])("plifInitial refuses tau = %s", (tau) =>
    expect(() => plifInitial(tau)).toThrow(new RangeError(`plifInitial: tau must be above 1 time-step, got ${tau}`)),
  );

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("refuses w = %s", (w) =>
    expect(() => neuron(plif, { w })).toThrow(new RangeError(`plif: w must be a finite number, got ${w}`)),
  );

  it("refuses a w for each neuron", () =>
    scoped(() =>
      expect(() => neuron(plif, { w: zeros([2, 3]) })).toThrow(
        new RangeError("plif: w must be a scalar or have one value per channel, [C] with C at least 1, got [2,3]"),
      ),
    ));
});
