import {
  eifNeurons,
  evaluation,
  ifNeurons,
  lifNeurons,
  namedParameters,
  plifNeurons,
  qifNeurons,
  spiking,
} from "@sew/layers";
import { eif, integrateAndFire, lif, neuron, plif, qif, unroll } from "@sew/neurons";
import { constant } from "@sew/surrogates";
import { describeBackends, describeModule, expectClose, read, scoped, spikesOfShape } from "@sew/testing";
import { scalar, tensor2d } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";

const shape = [3, 2, 4];
describeModule("ifNeurons", { make: ifNeurons(), input: shape, output: shape, timeless: false });
describeModule("lifNeurons", { make: lifNeurons(), input: shape, output: shape, timeless: false });
describeModule("qifNeurons", { make: qifNeurons(), input: shape, output: shape, timeless: false });
describeModule("eifNeurons", { make: eifNeurons(), input: shape, output: shape, timeless: false });
describeModule("plifNeurons", { make: plifNeurons(), input: shape, output: shape, timeless: false });

describeBackends("a layer of neurons", () => {
  it.each([
    { name: "ifNeurons", layer: ifNeurons({ vThreshold: 0.5 }), alone: neuron(integrateAndFire, { vThreshold: 0.5 }) },
    { name: "lifNeurons", layer: lifNeurons({ tau: 3 }), alone: neuron(lif, { tau: 3 }) },
    { name: "qifNeurons", layer: qifNeurons({ a0: 2 }), alone: neuron(qif, { a0: 2 }) },
    { name: "eifNeurons", layer: eifNeurons({ deltaT: 2 }), alone: neuron(eif, { deltaT: 2 }) },
    {
      name: "plifNeurons of whole inputs",
      layer: plifNeurons({ decayInput: false }),
      alone: neuron(plif, { decayInput: false }),
    },
    { name: "plifNeurons", layer: plifNeurons({ initialTau: 3 }), alone: neuron(plif, { w: -Math.log(2) }) },
  ])("$name: is its neuron, unrolled", ({ layer, alone }) =>
    scoped(() => {
      const x = spikesOfShape([6, 3, 5], 2);
      expect(read(layer().forward(x, evaluation))).toEqual(read(unroll(alone, x).spikes));
    }),
  );

  it("starts every sequence from rest: there is nothing to forget between batches", () =>
    scoped(() => {
      const layer = ifNeurons()();
      const x = tensor2d([[0.75]]);
      expect([1, 2, 3].map(() => read(layer.forward(x, evaluation)))).toEqual([[0], [0], [0]]);
    }));
});

describe("plifNeurons", () => {
  it("gives each layer a w of its own, at the initial τ", () =>
    scoped(() => {
      const make = plifNeurons({ initialTau: 5 });
      const [a, b] = [make(), make()].map((layer) => namedParameters(layer).get("w")!);
      a!.assign(scalar(7));
      expectClose(b!, [-Math.log(4)]);
    }));

  it("does not train w when it is not to learn", () =>
    scoped(() => {
      const trainable = (learnTau: boolean) => namedParameters(plifNeurons({ learnTau })()).get("w")!.trainable;
      expect([trainable(true), trainable(false)]).toEqual([true, false]);
    }));

  it("passes the neuron's parameters and the spike function on", () =>
    scoped(() => {
      const { neuron } = plifNeurons({ vThreshold: 0.5, detachReset: false }, constant())();
      expect(neuron.params).toMatchObject({ vThreshold: 0.5, detachReset: false });
      expect(neuron.spike.fused).toEqual({ kind: "constant", alpha: 1 });
    }));
});

describe("spiking", () => {
  it("holds the neuron and the variables it is given", () => {
    const n = neuron(lif);
    expect(spiking(n)).toMatchObject({ neuron: n, parameters: {} });
  });
});
