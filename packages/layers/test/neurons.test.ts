import { describeBackends, expectClose, read, scoped } from "@sew/kernels/testing";
import {
  emissionOf,
  evaluation,
  learnable,
  type NeuronLayer,
  namedParameters,
  neuronLayer,
  neurons,
  relus,
} from "@sew/layers";
import { describeModule, spikesOfShape } from "@sew/layers/testing";
import {
  cplif,
  eif,
  glif,
  ilif,
  integrateAndFire,
  klif,
  li,
  lif,
  ltlif,
  type MembraneParams,
  type NeuronModel,
  neuron,
  neuronModels,
  plif,
  plifInitial,
  qif,
  unroll,
} from "@sew/neurons";
import { constant } from "@sew/surrogates";
import { linspace, scalar, sum, tensor1d, tensor2d, tensor3d, variable, variableGrads } from "@tensorflow/tfjs-core";
import { describe, expect, it, vi } from "vitest";

const shape = [3, 2, 4];
for (const [name, model] of Object.entries<NeuronModel<MembraneParams, string>>(neuronModels)) {
  const make = () => neurons(model)(4);
  describeModule(`a layer of ${name}`, { make, input: shape, output: shape, timeless: false });
}
describeModule("a layer of LIF with a learned threshold per channel", {
  make: () => neurons(lif, { vThreshold: learnable(0.5, "channel") })(4),
  input: shape,
  output: shape,
  timeless: false,
});

describeBackends("a layer of neurons", () => {
  it.each([
    {
      name: "ifNeurons",
      layer: neurons(integrateAndFire, { vThreshold: 0.5 }),
      alone: neuron(integrateAndFire, { vThreshold: 0.5 }),
    },
    { name: "lifNeurons", layer: neurons(lif, { tau: 3 }), alone: neuron(lif, { tau: 3 }) },
    { name: "qifNeurons", layer: neurons(qif, { a0: 2 }), alone: neuron(qif, { a0: 2 }) },
    { name: "eifNeurons", layer: neurons(eif, { deltaT: 2 }), alone: neuron(eif, { deltaT: 2 }) },
    {
      name: "plifNeurons of whole inputs",
      layer: neurons(plif, { decayInput: false }),
      alone: neuron(plif, { decayInput: false }),
    },
    { name: "plifNeurons", layer: neurons(plif, { w: plifInitial(3) }), alone: neuron(plif, { w: -Math.log(2) }) },
  ])("$name: is its neuron, unrolled", ({ layer, alone }) =>
    scoped(() => {
      const x = spikesOfShape([6, 3, 5], 2);
      expect(read(layer(5).forward(x, evaluation))).toEqual(read(unroll(alone, x).spikes));
    }),
  );

  it("starts every sequence from rest: there is nothing to forget between batches", () =>
    scoped(() => {
      const layer = neurons(integrateAndFire)(1);
      const x = tensor2d([[0.75]]);
      expect([1, 2, 3].map(() => read(layer.forward(x, evaluation)))).toEqual([[0], [0], [0]]);
    }));
});

describe("neurons", () => {
  it("gives each layer a w of its own, at the initial τ", () =>
    scoped(() => {
      const make = neurons(plif, { w: plifInitial(5) });
      const [a, b] = [make(2), make(2)].map((layer) => namedParameters(layer).get("w")!);
      a!.assign(scalar(7));
      expectClose(b!, [-Math.log(4)]);
    }));

  it("learns what the model learns, and what is marked as learnable, per layer or per channel", () =>
    scoped(() => {
      const shapes = (layer: NeuronLayer) =>
        [...namedParameters(layer)].map(([name, variable]) => [name, variable.shape, variable.trainable]);
      expect(shapes(neurons(lif, { tau: 3 })(2))).toEqual([]);
      expect(shapes(neurons(plif)(2))).toEqual([["w", [], true]]);
      expect(shapes(neurons(plif, { w: learnable(0, "channel") })(2))).toEqual([["w", [2], true]]);
      expect(shapes(neurons(cplif)(3))).toEqual([["w", [3], true]]);
      expect(shapes(neurons(cplif, { w: learnable(0) })(3))).toEqual([["w", [], true]]);
      expect(shapes(neurons(ltlif, { vThreshold: 0.5 })(2))).toEqual([["vThreshold", [2], true]]);
      expect(shapes(neurons(klif)(2))).toEqual([["k", [], true]]);
      expect(shapes(neurons(glif)(2)).map(([name, shape]) => [name, shape])).toEqual(
        [...["vThreshold", "alpha", "beta", "gamma", "decay", "linearDecay", "conductance", "subtraction"]].map(
          (name) => [name, [2]],
        ),
      );
      expect(shapes(neurons(lif, { vThreshold: learnable(1), vReset: learnable(0, "channel") })(3))).toEqual([
        ["vThreshold", [], true],
        ["vReset", [3], true],
      ]);
    }));

  it("starts learned parameters at their values, with the same spikes as fixed ones", () =>
    scoped(() => {
      const x = spikesOfShape([5, 2, 3], 2);
      const layer = neurons(lif, { tau: learnable(3, "channel"), vThreshold: learnable(0.25) })(3);
      expect(read(layer.forward(x, evaluation))).toEqual(
        read(neurons(lif, { tau: 3, vThreshold: 0.25 })(3).forward(x, evaluation)),
      );
    }));

  it("keeps a tensor as it is: a variable of one's own is shared by all layers and is none's parameter", () =>
    scoped(() => {
      const w = variable(scalar(0));
      const make = neurons(plif, { w });
      expect(Object.keys(make(2).parameters)).toEqual([]);
      const x = spikesOfShape([5, 2, 2], 2);
      const before = read(make(2).forward(x, evaluation));
      w.assign(scalar(10));
      expect(read(make(2).forward(x, evaluation))).not.toEqual(before);
    }));

  it("passes gradients to a threshold per channel", () =>
    scoped(() => {
      const layer = neurons(lif, { vThreshold: learnable(1, "channel") })(2);
      const threshold = layer.parameters.vThreshold!;
      const x = tensor3d([[[1, 3]], [[2, 0]]]);
      const { grads } = variableGrads(() => sum(layer.forward(x, evaluation)), [threshold]);
      const [first, second] = read(grads[threshold.name]!);
      expect([first! < 0, second! < 0, first !== second]).toEqual([true, true, true]);
    }));

  it.each([0, 1.5])("refuses %s channels", (channels) =>
    expect(() => neurons(lif)(channels)).toThrow(
      new RangeError(`neurons: channels must be an integer of at least 1, got ${channels}`),
    ),
  );

  it("declares the lower bounds of what it learns, and of nothing else", () => {
    expect(neurons(eif, { tau: learnable(3), thetaRh: learnable(1) })(2).lowerBounds).toEqual({ tau: 1 });
    expect(neurons(plif)(2).lowerBounds).toEqual({});
  });

  it("refuses a tensor with a value outside the domain, as the number would be", () =>
    scoped(() => {
      expect(() => neurons(lif, { tau: tensor1d([2, 0.5]) })).toThrow(
        new RangeError("lif: tau must be at least 1 time-step, got 0.5"),
      );
      expect(() => neurons(lif, { vThreshold: scalar(Number.NaN) })).toThrow(
        new RangeError("lif: vThreshold must be a finite number, got NaN"),
      );
    }));

  it("checks the values of a tensor without a run of the model for each", () =>
    scoped(() => {
      const [charge, check] = [vi.fn(lif.charge), vi.fn(lif.check)];
      const make = neurons({ ...lif, charge, check }, { tau: linspace(1, 4, 64) });
      expect([charge.mock.calls.length, check.mock.calls.length]).toEqual([0, 65]);
      make(64);
    }));

  it("refuses what cannot be learned", () =>
    expect(() => learnable(Number.NaN)).toThrow(new RangeError("learnable: initial must be a finite number, got NaN")));

  it("says what its layers emit", () =>
    scoped(() => {
      expect([emissionOf(neurons(lif)(1)), emissionOf(neurons(li)(1)), emissionOf(relus()(1))]).toEqual([
        { kind: "bits" },
        { kind: "reals" },
        undefined,
      ]);
      expect(emissionOf(neurons(ilif, { maxSpikes: 2 })(1))).toEqual({ kind: "counts", most: 2 });
    }));

  it("says at which constant currents its layers emit 1 and 0", () =>
    scoped(() => {
      const layer = neurons(lif, { tau: 3 })(2);
      expect([layer.constantCurrent!(1), layer.constantCurrent!(0)]).toEqual([3, 0]);
    }));

  it("refuses to learn what must be a number", () =>
    expect(() => neurons(ilif, { maxSpikes: learnable(4) as never })(2)).toThrow(
      new RangeError("ilif: maxSpikes must be an integer from 1 to 255, got an object"),
    ));

  it("passes the neuron's parameters and the spike function on", () =>
    scoped(() => {
      const spike = constant();
      const { neuron } = neurons(plif, { vThreshold: 0.5, detachReset: false }, spike)(1);
      expect(neuron.params).toMatchObject({ vThreshold: 0.5, detachReset: false });
      expect(neuron.spike).toBe(spike);
    }));
});

describe("neuronLayer", () => {
  it("holds the neuron and the variables it is given", () => {
    const n = neuron(lif);
    expect(neuronLayer(n)).toMatchObject({ neuron: n, parameters: {} });
  });
});
