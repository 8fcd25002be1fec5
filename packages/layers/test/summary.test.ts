import { describeBackends } from "@sew/kernels/testing";
import {
  avgPool2d,
  conv2d,
  convNormNeuron,
  countParameters,
  flatten,
  type LayerProfile,
  linear,
  type Module,
  namedModules,
  neuronLayer,
  neurons,
  parallelNeurons,
  profile,
  relus,
  run,
  sequential,
  summary,
} from "@sew/layers";
import { composed, integrateAndFire, lif, neuron, plif, psn } from "@sew/neurons";
import { add, getBackend, memory } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const total = (layers: readonly LayerProfile[], of: "parameters" | "macs"): number =>
  layers.reduce((sum, layer) => sum + layer[of], 0);

const net = () =>
  sequential({
    unit: convNormNeuron(2, 4, neurons(plif), { stride: 2 }),
    pool: avgPool2d(2),
    flatten: flatten(),
    classifier: linear(16, 3),
  });

describeBackends("profile", () => {
  it("has every module in order, with its output, its own parameters and multiply-accumulates", () =>
    expect(profile(net(), [3, 2, 8, 8, 2])).toEqual([
      { path: "", shape: [3, 2, 3], parameters: 0, macs: 0 },
      { path: "unit", shape: [3, 2, 4, 4, 4], parameters: 0, macs: 0 },
      { path: "unit.conv", shape: [3, 2, 4, 4, 4], parameters: 72, macs: 6 * 16 * 72 },
      { path: "unit.norm", shape: [3, 2, 4, 4, 4], parameters: 8, macs: 0 },
      { path: "unit.neuron", shape: [3, 2, 4, 4, 4], parameters: 1, macs: 0, fused: getBackend() === "native" },
      { path: "pool", shape: [3, 2, 2, 2, 4], parameters: 0, macs: 0 },
      { path: "flatten", shape: [3, 2, 16], parameters: 0, macs: 0 },
      { path: "classifier", shape: [3, 2, 3], parameters: 51, macs: 6 * 48 },
    ]));

  it("says of every layer of neurons whether a fused kernel runs it, and of nothing else", () => {
    const parallel = parallelNeurons(psn, { steps: 2 })(4);
    const untraced = neuronLayer(composed(neuron(lif)));
    const layers = profile(sequential({ plif: neurons(plif)(4), untraced, parallel, relu: relus()(4) }), [2, 1, 4]);
    const native = getBackend() === "native";
    expect(layers.map(({ fused }) => fused)).toEqual([undefined, native, false, native, undefined]);
  });

  it("sums to the parameters of the network, and in T and N to a multiple of one step of one sample", () => {
    const few = fc.integer({ min: 1, max: 3 });
    fc.assert(
      fc.property(few, few, few, (kernel, steps, batch) => {
        const model = sequential({
          a: conv2d(2, 3, { kernel, bias: true }),
          b: convNormNeuron(3, 2, neurons(integrateAndFire)),
        });
        const layers = profile(model, [steps, batch, 5, 4, 2]);
        expect(layers.map(({ path }) => path)).toEqual([...namedModules(model)].map(([path]) => path));
        expect(total(layers, "parameters")).toBe(countParameters(model));
        expect(total(layers, "macs")).toBe(steps * batch * total(profile(model, [1, 1, 5, 4, 2]), "macs"));
      }),
      { numRuns: 10 },
    );
  });

  it("leaves nothing in memory, and no statistics moved", () => {
    const model = net();
    const { runningVar } = (model.children!.unit!.children!.norm as Module).buffers!;
    const before = memory().numTensors;
    profile(model, [2, 1, 8, 8, 2]);
    expect(memory().numTensors).toBe(before);
    expect([...runningVar!.dataSync()]).toEqual([1, 1, 1, 1]);
    expect(() => profile(model, [2, 1, 8, 8, 3])).toThrow("conv2d: x must have 2 channels");
    expect(memory().numTensors).toBe(before);
  });
});

describe("profile", () => {
  it("counts a module in two places once, with the work of both", () => {
    const shared = linear(4, 4);
    const layers = profile(sequential({ a: shared, b: shared }), [1, 1, 4]);
    expect([total(layers, "parameters"), total(layers, "macs")]).toEqual([20, 32]);
  });

  it("names a module in two places by the first of its paths", () => {
    const shared = sequential({ inner: linear(4, 4) });
    const layers = profile(sequential({ a: shared, b: sequential({ c: shared }) }), [1, 1, 4]);
    expect(layers.map(({ path }) => path)).toEqual(["", "a", "a.inner", "b"]);
  });

  it("counts a variable that two modules hold once, as countParameters does", () => {
    const layer = linear(4, 4);
    const model = sequential({ layer, again: { ...layer } });
    expect(total(profile(model, [1, 1, 4]), "parameters")).toBe(countParameters(model));
    expect(countParameters(model)).toBe(20);
  });

  it("has no shape for what does not run, and its parameters all the same", () => {
    const [used, unused] = [linear(4, 4), linear(4, 2)];
    const model: Module = {
      children: { used, unused },
      forward: (x, context) => add(run(used, x, context), x),
    };
    expect(profile(model, [1, 1, 4]).at(-1)).toEqual({ path: "unused", parameters: 10, macs: 0 });
  });
});

describe("summary", () => {
  it("is a table of the layers, indented, with the totals", () =>
    expect(summary(net(), [16, 1, 8, 8, 2])).toBe(
      [
        "layer       output            parameters    MACs  neurons",
        "----------------------------------------------------------",
        "unit        [16, 1, 4, 4, 4]           0       0",
        "  conv      [16, 1, 4, 4, 4]          72  18,432",
        "  norm      [16, 1, 4, 4, 4]           8       0",
        "  neuron    [16, 1, 4, 4, 4]           1       0  composed",
        "pool        [16, 1, 2, 2, 4]           0       0",
        "flatten     [16, 1, 16]                0       0",
        "classifier  [16, 1, 3]                51     768",
        "----------------------------------------------------------",
        "total       [16, 1, 3]               132  19,200",
      ].join("\n"),
    ));

  it("of a single layer is its totals", () =>
    expect(summary(linear(2, 3), [1, 1, 2]).split("\n").at(-1)).toBe("total  [1, 1, 3]           9     6"));

  it("shows the control characters of a name, which a terminal would obey", () => {
    const child = flatten();
    const model: Module = { children: { "a\u001b[2J\n\u009b1m": child }, forward: (x, c) => run(child, x, c) };
    const text = summary(model, [1, 1, 2, 2, 1]);
    expect(text.split("\n")[2]).toMatch(/^a\\x1b\[2J\\n\\x9b1m {2}\[1, 1, 4\] /);
  });

  it("says of a layer that it did not run", () =>
    expect(summary({ children: { idle: flatten() }, forward: (x) => add(x, 1) }, [1, 1, 2])).toMatch(
      /\nidle +not run +0 +0\n/,
    ));
});
