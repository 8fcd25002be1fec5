import { disposeModule, learnable, linear, neurons, parallelNeurons, sequential } from "@sew/layers";
import { lif, plif, psn, slidingPsn } from "@sew/neurons";
import { scaledAtan, spike, surrogates } from "@sew/surrogates";
import { memory, onesLike, tensor1d } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { neuronsOf } from "../src/neuronsOf.js";

describe("neuronsOf", () => {
  it("counts the layers of each kind, and lists what differs from the defaults", () => {
    const model = sequential({
      a: neurons(plif)(2),
      b: sequential({ c: neurons(plif)(3), d: neurons(plif, {}, scaledAtan())(2) }),
      e: neurons(lif, { vThreshold: 0.5, reset: "soft" })(2),
      f: neurons(lif, { vThreshold: learnable(1, "channel"), tau: learnable(3) })(2),
      g: neurons(lif, { vReset: tensor1d([0, -1]) })(2),
      h: linear(2, 2),
      i: parallelNeurons(slidingPsn, {}, scaledAtan())(2),
      j: parallelNeurons(psn, { steps: 4 })(2),
      // Not a layer of neurons: it has something else of that name.
      k: Object.assign(linear(2, 2), { neuron: linear(2, 2) }),
    });
    const before = memory().numTensors;
    expect(neuronsOf(model)).toEqual([
      { neuron: "plif", surrogate: "atan", layers: 2, parameters: {} },
      { neuron: "plif", surrogate: "scaledAtan", layers: 1, parameters: {} },
      { neuron: "lif", surrogate: "atan", layers: 1, parameters: { vThreshold: 0.5, reset: "soft" } },
      {
        neuron: "lif",
        surrogate: "atan",
        layers: 1,
        parameters: { vThreshold: { initial: 1, per: "channel" }, tau: { initial: 3, per: "layer" } },
      },
      { neuron: "lif", surrogate: "atan", layers: 1, parameters: { vReset: [0, -1] } },
      { neuron: "slidingPsn", surrogate: "scaledAtan", layers: 1, parameters: {} },
      { neuron: "psn", surrogate: "atan", layers: 1, parameters: { steps: 4 } },
    ]);
    expect(memory().numTensors).toBe(before);
    disposeModule(model);
  });

  it("knows every surrogate by its slope, and calls others own", () => {
    const nameOf = (each: ReturnType<typeof spike>) =>
      neuronsOf(neurons(lif, {}, each)(1)).map((kind) => kind.surrogate);
    for (const [name, make] of Object.entries(surrogates)) expect(nameOf(make())).toEqual([name]);
    expect(nameOf(spike((u) => onesLike(u).mul(0.25)))).toEqual(["own"]);
  });

  it("of a network without neurons is empty", () => expect(neuronsOf(linear(2, 2))).toEqual([]));
});
