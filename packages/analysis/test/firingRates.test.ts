import { firingRates } from "@sew/analysis";
import { add, and, type BlockFactory, iand, plainBlock, sew, spikingBlock } from "@sew/blocks";
import { spikesOf } from "@sew/kernels/testing";
import { disposeModule, type Module, type NeuronLayer, overTime, run, sequential } from "@sew/layers";
import { spikesOfShape } from "@sew/layers/testing";
import { network } from "@sew/models";
import { integrateAndFire, neuron } from "@sew/neurons";
import { memory, mul, add as plus, type Tensor, tensor, tensor1d, zeros, zerosLike } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

/** A spiking layer whose spikes are known. */
function fires(forward: (x: Tensor) => Tensor): NeuronLayer {
  return { neuron: neuron(integrateAndFire), emits: { kind: "bits" }, parameters: {}, forward };
}
const copy = () => fires((x) => x.clone());
const never = () => fires(zerosLike);
const always = () => fires((x) => plus(zerosLike(x), 1));
const unit = (layer: NeuronLayer) => sequential({ neuron: layer });

/** A block with A = S and O = A + S. */
function doubling(): Module {
  const [a, b] = [unit(never()), unit(copy())];
  return {
    children: { a, b },
    forward(s, context) {
      run(a, s, context);
      return plus(run(b, s, context), s);
    },
  };
}

describe("firingRates of known spikes", () => {
  // T = 2, N = 2, 3 neurons: the first fires in 3 of 4 cases, the second in 1, the third never.
  const x = () => tensor([1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0], [2, 2, 3]);

  it("are the mean over time-steps, samples and neurons; a neuron is silent when it fires in none", async () => {
    const { layers, blocks, warnings } = await firingRates(sequential({ first: copy() }), x());
    expect(layers).toMatchObject({ first: { rate: 4 / 12, silent: 1 / 3 } });
    expect(blocks).toEqual({});
    expect(warnings).toEqual([]);
  });

  it("are those of each time-step, too", async () => {
    const { layers } = await firingRates(sequential({ first: copy() }), x());
    expect(layers.first!.perStep).toEqual([3 / 6, 1 / 6]);
  });

  it("count a neuron as saturated that fires in each time-step of each sample, with all spikes that it can", async () => {
    const spikes = tensor([1, 0, 1, 1, 1, 0, 1, 0], [2, 2, 2]);
    const { layers } = await firingRates(sequential({ first: copy() }), spikes);
    expect(layers.first).toMatchObject({ silent: 0, saturated: 0.5 });
    const counts: NeuronLayer = { ...copy(), emits: { kind: "counts", most: 2 } };
    const most = await firingRates(sequential({ counts }), tensor([2, 1, 2, 0], [2, 1, 2]));
    expect(most.layers.counts).toMatchObject({ silent: 0, saturated: 0.5 });
  });

  it("leave shares of neurons out on request, and nothing else", async () => {
    const net = sequential({ first: copy() });
    const { layers } = await firingRates(net, x(), { shares: false });
    const all = await firingRates(net, x());
    expect(layers.first).toEqual({ ...all.layers.first, silent: Number.NaN, saturated: Number.NaN });
  });

  it("have those of each neuron on request", async () => {
    const { layers } = await firingRates(sequential({ first: copy() }), x(), { neurons: true });
    expect(layers.first!.neurons).toEqual(Float32Array.of(0.75, 0.25, 0));
  });

  it("are means over the time-steps that the layer sees, where the network repeats one", async () => {
    const net = overTime(sequential({ first: copy() }), 3);
    const { layers } = await firingRates(net, tensor([1, 0, 0, 1], [1, 2, 2]), { neurons: true });
    const [[, first]] = Object.entries(layers) as [[string, (typeof layers)[string]]];
    expect(first).toMatchObject({ rate: 0.5, silent: 0, neurons: Float32Array.of(0.5, 0.5) });
  });

  it("of counts up to D are the rates of their D binary time-steps: the mean of S/D", async () => {
    const counts: NeuronLayer = { ...copy(), emits: { kind: "counts", most: 4 } };
    const spikes = tensor([4, 1, 0, 0, 4, 0, 0, 0, 4, 1, 0, 0], [2, 2, 3]);
    const { layers, warnings } = await firingRates(sequential({ counts }), spikes, { neurons: true });
    expect(layers.counts).toMatchObject({ rate: 14 / 48, silent: 0, neurons: Float32Array.of(5 / 16, 5 / 16, 0.25) });
    expect(warnings).toEqual([]);
  });

  it("leave layers out that emit real numbers, and parts of blocks they are not", async () => {
    const net = network("c4-BN-IF-SEW-FC3-LI", { height: 4, width: 4 });
    const { layers } = await firingRates(net, zeros([2, 1, 4, 4, 2]));
    expect(Object.keys(layers)).toEqual(["unit0.neuron", "block0.a.neuron", "block0.b.neuron"]);
    disposeModule(net);
  });

  it("are those of parallel neurons, too, alone and in blocks", async () => {
    const net = network("c4-BN-SLIDINGPSN-SEW-FC3", { height: 4, width: 4 });
    const { layers, blocks } = await firingRates(net, zeros([2, 1, 4, 4, 2]), { training: true });
    expect(Object.keys(layers)).toEqual(["unit0.neuron", "block0.a.neuron", "block0.b.neuron"]);
    expect(Object.keys(blocks)).toEqual(["block0"]);
    disposeModule(net);
  });

  it("give A and O of each block, O above 1 where it sums more", async () => {
    const net = sequential({ one: doubling(), inner: sequential({ two: doubling(), three: doubling() }) });
    const { blocks, layers } = await firingRates(net, x());
    expect(Object.entries(blocks)).toMatchObject([
      ["one", { input: 1 / 3, residual: 1 / 3, output: 2 / 3 }],
      ["inner.two", { input: 2 / 3, residual: 2 / 3, output: 4 / 3 }],
      ["inner.three", { input: 4 / 3, residual: 4 / 3, output: 8 / 3 }],
    ]);
    expect(blocks["inner.two"]!.perStep).toEqual({ input: [1, 1 / 3], residual: [1, 1 / 3], output: [2, 2 / 3] });
    const third = Math.fround(1 / 3);
    expect(blocks["inner.two"]!.density).toEqual({ input: third, residual: third, output: third });
    expect(Object.keys(layers)).toEqual(
      ["one", "inner.two", "inner.three"].flatMap((path) => [`${path}.a.neuron`, `${path}.b.neuron`]),
    );
  });

  it("take A from the residual path where the shortcut has neurons too", async () => {
    const [a, shortcut] = [unit(copy()), unit(always())];
    const block: Module = {
      children: { a, shortcut },
      forward: (s, context) => mul(run(a, s, context), run(shortcut, s, context)),
    };
    const { blocks } = await firingRates(sequential({ block }), x());
    expect(blocks).toMatchObject({ block: { residual: 1 / 3, output: 1 / 3 } });
  });

  it("are the mean over all runs of a module that runs twice, under its first name", async () => {
    const layer = copy();
    const onceSilent: Module = { forward: (s) => mul(s, 0) };
    // 4 of 12 spikes in the first run, none in the second; one of 3 neurons is silent first, all 3 then.
    const { layers } = await firingRates(sequential({ a: layer, onceSilent, b: layer }), x());
    expect(layers).toMatchObject({ a: { rate: 4 / 24, silent: 4 / 6 } });
  });

  it("warn of layers that never fire and of those that always do", async () => {
    const net = sequential({ loud: always(), quiet: never() });
    const { layers, warnings } = await firingRates(net, x());
    expect(layers).toMatchObject({ loud: { rate: 1, silent: 0 }, quiet: { rate: 0, silent: 1 } });
    expect(warnings).toEqual([
      '"loud" always fires: its spikes carry no information. Raise its vThreshold, or train with a lower learning rate ' +
        "if it was quieter at first; right after zero-init with AND it is as intended.",
      '"quiet" never fires: nothing passes through it. Lower its vThreshold, or train with a lower learning rate if it ' +
        "fired at first; right after zero-init it is as intended.",
    ]);
  });

  it("warn of layers that the model does not run through run", async () => {
    const layer = copy();
    const net: Module = { children: { layer }, forward: (s, context) => layer.forward(s, context) };
    const { layers, warnings } = await firingRates(net, x());
    expect(layers).toEqual({});
    expect(warnings).toEqual([
      '"layer" did not run through run(), so its rate is unknown. Call it with run(module, x, context).',
    ]);
  });

  it("pass training and seed on", async () => {
    const contexts: object[] = [];
    const net: Module = {
      forward(s, { training, seed }) {
        contexts.push({ training, seed });
        return s.clone();
      },
    };
    await firingRates(net, x());
    await firingRates(net, x(), { training: true, seed: 3 });
    expect(contexts).toEqual([
      { training: false, seed: undefined },
      { training: true, seed: 3 },
    ]);
  });

  it("count exactly where float32 sums do not", async () => {
    // 2^24 ones and 8 more: a float32 that counts up stops at 2^24.
    const size = 2 ** 24 + 8;
    const { layers } = await firingRates(
      sequential({ all: copy() }),
      tensor(new Float32Array(size).fill(1), [1, 1, size]),
    );
    expect(layers.all).toMatchObject({ rate: 1, silent: 0 });
  });
});

describe("firingRates as laws", () => {
  const spikes = fc
    .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 5 }))
    .chain(([t, n, size]) => spikesOf(t * n * size).map((values) => ({ values, shape: [t, n, size], size })));

  it("rate times positions is the number of spikes, and silent neurons are those without any", () =>
    fc.assert(
      fc.asyncProperty(spikes, async ({ values, shape, size }) => {
        const { layers } = await firingRates(sequential({ layer: copy() }), tensor(values, shape));
        const total = values.reduce((a, b) => a + b, 0);
        const silent = Array.from({ length: size }, (_, i) => values.every((s, j) => j % size !== i || s === 0));
        expect(layers.layer!.rate * values.length).toBeCloseTo(total, 9);
        expect(layers.layer!.silent * size).toBeCloseTo(silent.filter(Boolean).length, 9);
      }),
    ));

  it("the order of samples does not matter", () =>
    fc.assert(
      fc.asyncProperty(spikes, async ({ values, size }) => {
        const shape = [1, values.length / size, size];
        const samples = Array.from({ length: values.length / size }, (_, i) => values.slice(i * size, (i + 1) * size));
        const net = sequential({ layer: copy() });
        const turned = await firingRates(net, tensor(samples.toReversed().flat(), shape));
        expect(turned).toEqual(await firingRates(net, tensor(values, shape)));
      }),
    ));

  const net = (block: BlockFactory, seed: number) =>
    network("c4-BN-IF-{SEW-MPk2}*2-FC3", { height: 8, width: 8, blocks: { SEW: block }, seed });
  const x = () => spikesOfShape([4, 2, 8, 8, 2]);
  const seeds = fc.integer({ min: 0, max: 1000 });

  it("under ADD, O = A + S: what enters a block leaves it", () =>
    fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const { blocks, layers } = await firingRates(net(sew(add), seed), x(), { training: true });
        const { residual, output } = blocks.block0!;
        expect(output).toBeCloseTo(residual! + layers["unit0.neuron"]!.rate, 9);
      }),
      { numRuns: 5 },
    ));

  it("under AND, O is at most A and at most S; under IAND, S less at most A", () =>
    fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        for (const connect of [and, iand]) {
          const { blocks, layers } = await firingRates(net(sew(connect), seed), x(), { training: true });
          const [{ residual, output }, s] = [blocks.block0!, layers["unit0.neuron"]!.rate];
          expect(output).toBeLessThanOrEqual(s + 1e-9);
          if (connect === and) expect(output).toBeLessThanOrEqual(residual! + 1e-9);
          else expect(output).toBeGreaterThanOrEqual(s - residual! - 1e-9);
        }
      }),
      { numRuns: 3 },
    ));

  it("a Plain block puts out what its path fires; a Spiking block has no A of its own", async () => {
    const plain = await firingRates(net(plainBlock, 1), x(), { training: true });
    for (const { residual, output } of Object.values(plain.blocks)) expect(residual).toBe(output);
    const spiking = await firingRates(net(spikingBlock, 1), x(), { training: true });
    expect(Object.keys(spiking.blocks)).toEqual(["block0", "block1"]);
    for (const [path, block] of Object.entries(spiking.blocks)) {
      expect(block.residual).toBeUndefined();
      expect(block).toMatchObject({ output: spiking.layers[`${path}.neuron`]!.rate });
    }
  });

  it("of a network name its units and its blocks, in order", async () => {
    const { layers, blocks } = await firingRates(net(sew(add), 0), x());
    expect(Object.keys(layers)).toEqual([
      "unit0.neuron",
      "block0.a.neuron",
      "block0.b.neuron",
      "block1.a.neuron",
      "block1.b.neuron",
    ]);
    expect(Object.keys(blocks)).toEqual(["block0", "block1"]);
    expect(blocks.block1!.residual).toBe(layers["block1.b.neuron"]!.rate);
  });

  it("leave nothing in memory", async () => {
    const [model, input] = [net(sew(add), 0), x()];
    const before = memory().numTensors;
    await firingRates(model, input);
    expect(memory().numTensors).toBe(before);
    const failing = sequential({
      layer: copy(),
      last: {
        forward() {
          throw new Error("no");
        },
      },
    });
    await expect(firingRates(failing, input)).rejects.toThrow("no");
    expect(memory().numTensors).toBe(before);
    disposeModule(model);
  });
});

describe("firingRates refuses", () => {
  it.each([
    { make: () => tensor1d([1]), shape: "1" },
    { make: () => zeros([0, 2, 3]), shape: "0,2,3" },
  ])(
    "x of shape [$shape]",
    async ({ make, shape }) =>
      await expect(firingRates(sequential({ layer: copy() }), make())).rejects.toThrow(
        "firingRates: x must be a sequence [T, N, ...] of at least one time-step and one sample, got shape " +
          `[${shape}]`,
      ),
  );
});
