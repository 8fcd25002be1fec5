import { spikingBlock } from "@sew/blocks";
import {
  evaluation,
  ifNeurons,
  lifNeurons,
  type Module,
  namedParameters,
  run,
  type SpikingFactory,
  seeded,
  sequential,
} from "@sew/layers";

import {
  describeBackends,
  describeModule,
  expectClose,
  read,
  referenceSpike,
  scoped,
  spikesOfShape,
} from "@sew/testing";
import { add, grad, pow, scalar, type Tensor, zeros } from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";

const input = [3, 2, 5, 4, 2];

describeModule("spikingBlock", {
  make: () => spikingBlock({ channels: 2, neurons: lifNeurons() }),
  input,
  output: input,
  timeless: false,
});

const make = (neurons: SpikingFactory, seed = 0) => spikingBlock({ channels: 2, neurons, random: seeded(seed) });

/** Zero-initialised: F(S) = 0, so that only the neuron stands between S and O. */
function silence(block: Module): Module {
  const weight = namedParameters(block).get("b.norm.weight")!;
  weight.assign(zeros(weight.shape));
  return block;
}

describeBackends("spikingBlock", () => {
  it("is O = SN(F(S) + S): the spike comes after the sum (Eq. 7)", () =>
    scoped(() => {
      const block = make(ifNeurons({ vThreshold: 0.75 }));
      const { a, b, neuron } = block.children!;
      const s = spikesOfShape(input);
      const f = [a!, b!].reduce((y, layer) => run(layer, y, evaluation), s);
      const expected = read(run(neuron!, add(f, s), evaluation));
      expect(read(run(block, s, evaluation))).toEqual(expected);
      expect(new Set(expected)).toEqual(new Set([0, 1]));
      expect(expected).not.toEqual(read(s));
    }));

  it("is binary, whatever it adds", () =>
    scoped(() => {
      const chain = sequential({ a: make(ifNeurons(), 1), b: make(ifNeurons(), 2), c: make(ifNeurons(), 3) });
      for (const o of read(run(chain, spikesOfShape(input), evaluation))) expect([0, 1]).toContain(o);
    }));

  it("zero-initialised, copies spikes with IF neurons, which pass on one spike each", () =>
    scoped(() => {
      const s = spikesOfShape(input);
      expect(read(run(silence(make(ifNeurons())), s, evaluation))).toEqual(read(s));
    }));

  it("zero-initialised, is no identity with LIF neurons: a spike charges them to 1/τ only", () =>
    scoped(() => {
      const s = spikesOfShape([1, 1, 4, 4, 2]);
      expect(read(run(silence(make(lifNeurons())), s, evaluation))).toEqual(read(zeros([1, 1, 4, 4, 2])));
    }));

  it.each([
    { alpha: 2, vThreshold: 1, why: "vanishes where the neuron is silent, Θ'(0 − 1) = 0.092" },
    { alpha: 2, vThreshold: 0.5, why: "vanishes everywhere, Θ'(±0.5) = 0.288" },
    { alpha: 3, vThreshold: 1, why: "explodes where it fires, Θ'(0) = 1.5" },
  ])("multiplies the gradient by Θ'(S − V_th) in each block: α = $alpha, V_th = $vThreshold $why (Eq. 8)", (p) =>
    scoped(() => {
      const k = 3;
      const spike = referenceSpike("atan", p.alpha);
      const neurons = ifNeurons({ vThreshold: p.vThreshold }, spike);
      const chain = sequential(
        Object.fromEntries(Array.from({ length: k }, (_, i) => [`${i}`, silence(make(neurons, i))])),
      );
      const s = spikesOfShape([1, 1, 4, 4, 2]);
      const through = grad((x: Tensor) => run(chain, x, evaluation))(s);
      expectClose(through, pow(spike.slope(add(s, scalar(-p.vThreshold))), k));
    }),
  );
});
