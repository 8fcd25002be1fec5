import { describeBackends, floats, read, scoped } from "@sew/kernels/testing";
import { ifCharge, integrateAndFire, neuron, unroll } from "@sew/neurons";
import { describeNeuron, membraneParams } from "@sew/neurons/testing";
import { tensor1d, tensor2d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";

describeNeuron(integrateAndFire, membraneParams);

describeBackends("ifCharge", () => {
  it("adds the current to the potential (Eq. 4)", () =>
    fc.assert(
      fc.property(floats, (vs) =>
        scoped(() => {
          const xs = vs.toReversed();
          const h = ifCharge(tensor1d(vs), tensor1d(xs));
          expect(read(h)).toEqual(vs.map((v, i) => Math.fround(v + xs[i]!)));
        }),
      ),
    ));
});

describeBackends("integrateAndFire", () => {
  it.each([
    { v: 0, x: 0.75, spike: 0, next: 0.75, why: "stays charged below the threshold" },
    { v: 0.75, x: 0.75, spike: 1, next: 0, why: "fires and resets above it (H = 1.5)" },
    { v: 0.25, x: 0.75, spike: 1, next: 0, why: "fires on it (H = 1)" },
    { v: 0, x: -2, spike: 0, next: -2, why: "falls without a floor" },
  ])("$why, from v = $v and x = $x", ({ v, x, spike, next }) =>
    scoped(() => {
      const out = neuron(integrateAndFire)({ v: tensor1d([v]) }, tensor1d([x]));
      expect([read(out.spikes), read(out.state.v)]).toEqual([[spike], [next]]);
    }),
  );

  it("fires at once, in the step of the current that brings it there", () =>
    scoped(() => expect(read(unroll(neuron(integrateAndFire), tensor2d([[1], [0], [1]])).spikes)).toEqual([1, 0, 1])));

  it("copies one spike per step at 0 < V_th ≤ 1, as Eq. 7's identity needs", () =>
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(0, 1), { minLength: 1, maxLength: 8 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (spikes, vThreshold) =>
          scoped(() => {
            const x = tensor2d(spikes, [spikes.length, 1]);
            expect(read(unroll(neuron(integrateAndFire, { vThreshold }), x).spikes)).toEqual(spikes);
          }),
      ),
    ));

  it("carries what exceeds the threshold over when the reset is soft", () =>
    scoped(() => {
      const { spikes, state } = unroll(neuron(integrateAndFire, { reset: "soft" }), tensor2d([[2.5], [0], [0]]));
      expect([read(spikes), read(state.v)]).toEqual([[1, 1, 0], [0.5]]);
    }));
});
