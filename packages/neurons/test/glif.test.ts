import { describeBackends, expectClose, float32, floats, read, scoped } from "@sew/kernels/testing";
import { type GlifParams, glif, glifCharge, lif, neuron, unroll } from "@sew/neurons";
import { describeNeuron, membraneParams, type Numeric } from "@sew/neurons/testing";
import { tensor, tensor1d, tensor2d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const gate = float32(-4, 4);
const params: fc.Arbitrary<Numeric<GlifParams>> = fc
  .record({
    membrane: membraneParams,
    alpha: gate,
    beta: gate,
    gamma: gate,
    decay: gate,
    linearDecay: gate,
    conductance: gate,
    subtraction: gate,
  })
  .map(({ membrane, ...own }) => ({ ...membrane, ...own }));

describeNeuron(glif, params);

const sigmoid = (w: number) => 1 / (1 + Math.exp(-w));
/** Gates as good as open and shut. */
const [open, shut] = [100, -100];

describeBackends("glifCharge", () => {
  it("mixes two leaks, two integrations and two resets by its gates", () =>
    fc.assert(
      fc.property(floats, params, (vs, p) =>
        scoped(() => {
          const xs = vs.toReversed();
          const s = vs.map((v) => (v > 0 ? 1 : 0));
          const [a, b, c] = [sigmoid(p.alpha), sigmoid(p.beta), sigmoid(p.gamma)];
          const leak = (v: number) => (1 - a * (1 - sigmoid(p.decay))) * v - (1 - a) * sigmoid(p.linearDecay);
          const current = (x: number) => (1 - b * (1 - sigmoid(p.conductance))) * x;
          expectClose(
            glifCharge(tensor1d(vs), tensor1d(s), tensor1d(xs), p),
            vs.map((v, i) => leak((1 - c * s[i]!) * v) + current(xs[i]!) - (1 - c) * sigmoid(p.subtraction) * s[i]!),
          );
        }),
      ),
    ));
});

describeBackends("glif", () => {
  it("works out by hand: all gates at 1/2, τ = 1/4, λ = 1/16, g = V_sub = V_th = 1/2, currents 1 0 1", () =>
    scoped(() => {
      // H = −1/32 + 3/4 = 23/32 fires. H = 5/8 · 23/64 − 1/32 − 1/4 = −29/512. H = 5/8 · (−29/512) − 1/32 + 3/4 = 2799/4096 fires.
      const { spikes, state } = unroll(neuron(glif), tensor2d([[1], [0], [1]]));
      expect([read(spikes), read(state.s)]).toEqual([[1, 0, 1], [1]]);
      expectClose(state.v, [2799 / 4096], { relative: 1e-6, absolute: 0 });
    }));

  it("is LIF that leaks by its potential alone with α, γ open and β shut: the hard reset comes a step later", () =>
    fc.assert(
      fc.property(floats, float32(-2, 2), (xs, decay) =>
        scoped(() => {
          const x = tensor(xs, [xs.length, 1]);
          const gates = { alpha: open, beta: shut, gamma: open, decay, vThreshold: 1 };
          const tau = 1 / (1 - sigmoid(decay));
          const plain = unroll(neuron(lif, { tau, decayInput: false }), x);
          const gated = unroll(neuron(glif, gates), x);
          expectClose([read(gated.state.v)[0]! * (1 - read(gated.state.s)[0]!)], plain.state.v, {
            relative: 1e-4,
            absolute: 1e-4,
          });
          expect(read(gated.spikes)).toEqual(read(plain.spikes));
        }),
      ),
      // Potentials within a rounding error of the threshold fire in one and not in the other.
      { seed: 1, numRuns: 50 },
    ));

  it("has the values of SpikingJelly's GatedLIFNode, channel-wise, with one conductance for all steps", () =>
    scoped(() => {
      const x = tensor2d([
        [1, 0.5],
        [0.25, 1.5],
        [2, -0.5],
        [0, 1],
        [1.5, 0.75],
        [-1, 2],
      ]);
      const { spikes, state } = unroll(
        neuron(glif, {
          alpha: tensor1d([0.5, -1]),
          beta: tensor1d([1, -0.5]),
          gamma: tensor1d([-2, 1.5]),
          decay: tensor1d([-0.25, 0.75]),
          linearDecay: tensor1d([-3, -2]),
          conductance: tensor1d([0.25, -1.25]),
          subtraction: tensor1d([0.5, -0.5]),
        }),
        x,
      );
      expect(read(spikes)).toEqual([1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 1]);
      expectClose(state.v, [-0.5994874, 1.3825246]);
    }));
});

describe("glif's check", () => {
  it.each(["alpha", "beta", "gamma", "decay", "linearDecay", "conductance", "subtraction"])(
    "refuses %s = NaN",
    (name) =>
      expect(() => neuron(glif, { [name]: Number.NaN })).toThrow(
        new RangeError(`glif: ${name} must be a finite number, got NaN`),
      ),
  );
});
