import { attach, energy, type LayerOps, operationCosts, type SynOps, synOps, synOpsProbe } from "@sew/analysis";
import { describeBackends, unavailable, use } from "@sew/kernels/testing";
import {
  avgPool2d,
  conv2d,
  disposeModule,
  flatten,
  linear,
  type Module,
  neurons,
  overTime,
  run,
  sequential,
} from "@sew/layers";
import { network, resNet, sevenBNet } from "@sew/models";
import { integrateAndFire } from "@sew/neurons";
import {
  add,
  memory,
  mul,
  ones,
  onesLike,
  randomUniform,
  setBackend,
  slice,
  sum,
  type Tensor,
  tensor,
  tidy,
  tile,
  variable,
  zeros,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

/** The operations of one layer on x. */
async function opsOf(layer: Module, x: Tensor): Promise<LayerOps> {
  return (await synOps(sequential({ layer }), x)).layers.layer!;
}

/** What a layer computes with all weights 1, summed over all outputs. */
function sumWithOnes(layer: Module, x: Tensor): number {
  return tidy(() => {
    layer.parameters!.weight!.assign(onesLike(layer.parameters!.weight!));
    return sum(run(layer, x, { training: false })).dataSync()[0]!;
  });
}

// The corners, and one in the second row: 1001, 0000, 0100, 1001 has 5 spikes.
const five = () => tensor([1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1], [1, 1, 4, 4, 1]);

/** A convolution and an input, whose sizes fit. */
const convolutions = fc
  .record({
    steps: fc.integer({ min: 1, max: 3 }),
    batch: fc.integer({ min: 1, max: 3 }),
    height: fc.integer({ min: 1, max: 7 }),
    width: fc.integer({ min: 1, max: 7 }),
    groups: fc.integer({ min: 1, max: 3 }),
    inPerGroup: fc.integer({ min: 1, max: 3 }),
    outPerGroup: fc.integer({ min: 1, max: 3 }),
    kernel: fc.integer({ min: 1, max: 4 }),
    stride: fc.integer({ min: 1, max: 3 }),
    padding: fc.integer({ min: 0, max: 3 }),
    dilation: fc.integer({ min: 1, max: 2 }),
    most: fc.integer({ min: 1, max: 3 }),
    seed: fc.nat(1000),
  })
  .filter((c) => Math.min(c.height, c.width) + 2 * c.padding >= c.dilation * (c.kernel - 1) + 1)
  .map(({ steps, batch, height, width, groups, inPerGroup, outPerGroup, most, seed, ...geometry }) => ({
    shape: [steps, batch, height, width, groups * inPerGroup],
    outChannels: groups * outPerGroup,
    options: { ...geometry, groups },
    most,
    seed,
  }));

type Drawn = typeof convolutions extends fc.Arbitrary<infer T> ? T : never;

const inputOf = ({ shape, most, seed }: Drawn, salt = 0) =>
  tidy(() => {
    const size = shape.reduce((a, b) => a * b, 1);
    let state = seed * 2654435761 + salt;
    const values = Float32Array.from({ length: size }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      return (state >>> 16) % (most + 1);
    });
    return tensor(values, shape);
  });

const layerOf = ({ shape, outChannels, options }: Drawn) => conv2d(shape[4]!, outChannels, options);

describe("synOps worked by hand", () => {
  it("are 50, of 288 dense, where 5 spikes on 4 x 4 meet a kernel of 3 x 3 to 2 channels; by rate 90", async () => {
    const ops = await opsOf(conv2d(1, 2, { kernel: 3 }), five());
    expect(ops).toEqual({
      input: "binary",
      density: 5 / 16,
      mean: 5 / 16,
      steps: 1,
      exact: 50,
      rate: 90,
      macs: 288,
      validMacs: 200,
      repeats: false,
    });
  });

  it("are 12 at stride 2; by rate 22.5", async () => {
    const { exact, rate, macs } = await opsOf(conv2d(1, 2, { kernel: 3, stride: 2 }), five());
    expect({ exact, rate, macs }).toEqual({ exact: 12, rate: 22.5, macs: 72 });
  });

  it("of a linear layer are spikes times outputs, by either convention", async () => {
    const { exact, rate, macs, validMacs } = await opsOf(linear(4, 3), tensor([1, 0, 0, 1, 0, 0, 1, 0], [2, 1, 4]));
    expect({ exact, rate, macs, validMacs }).toEqual({ exact: 9, rate: 9, macs: 24, validMacs: 24 });
  });

  it("are means over samples, of all time-steps", async () => {
    const x = tensor([1, 1, 1, 0, 0, 1, 0, 0], [2, 2, 2]);
    const ops = await synOps(sequential({ layer: linear(2, 5) }), x);
    expect(ops.samples).toBe(2);
    expect(ops.layers.layer).toMatchObject({ steps: 2, exact: 10, macs: 20 });
  });
});

describe("synOps of SpikingJelly 2.0.0, SynOpCounter", () => {
  it.each([
    [7, 5, 4, 6, 3, 1, 1, 1, 1, 5292],
    [7, 5, 4, 6, 3, 2, 1, 1, 2, 762],
    [8, 8, 6, 6, 3, 1, 0, 1, 6, 1750],
    [9, 6, 3, 5, 4, 3, 2, 1, 1, 1305],
    [9, 9, 2, 4, 3, 1, 2, 2, 1, 3820],
    [5, 7, 4, 8, 1, 2, 0, 1, 4, 86],
  ])(
    "are the same of %i x %i pixels, %i to %i channels, kernel %i, stride %i, padding %i, dilation %i, groups %i: %i",
    async (height, width, inChannels, outChannels, kernel, stride, padding, dilation, groups, expected) => {
      const shape = [1, 3, height!, width!, inChannels!];
      const spikes = Array.from({ length: 3 * height! * width! * inChannels! }, (_, i) =>
        (i * 7 + (i >> 3)) % 10 < 3 ? 1 : 0,
      );
      const options = { kernel: kernel!, stride: stride!, padding: padding!, dilation: dilation!, groups: groups! };
      const { exact } = await opsOf(conv2d(inChannels!, outChannels!, options), tensor(spikes, shape));
      // It counts the whole batch.
      expect(exact * 3).toBeCloseTo(expected!, 9);
    },
  );
});

describeBackends("synOps as laws", () => {
  it("exact is the sum of the convolution with ones, whatever kernel, stride, padding, dilation and groups", () =>
    fc.assert(
      fc.asyncProperty(convolutions, async (drawn) => {
        const [layer, x] = [layerOf(drawn), inputOf(drawn)];
        const { exact } = await opsOf(layer, x);
        expect(exact * drawn.shape[1]!).toBeCloseTo(sumWithOnes(layer, x), 6);
        disposeModule(layer);
        x.dispose();
      }),
      { numRuns: 60 },
    ));

  it("exact of a sum of spikes is the sum of those of its terms", () =>
    fc.assert(
      fc.asyncProperty(convolutions, async (drawn) => {
        const [layer, a, s] = [layerOf(drawn), inputOf(drawn, 1), inputOf(drawn, 2)];
        const both = add(a, s);
        const [ofA, ofS, ofBoth] = await Promise.all([opsOf(layer, a), opsOf(layer, s), opsOf(layer, both)]);
        expect(ofBoth.exact).toBeCloseTo(ofA.exact + ofS.exact, 6);
        expect(ofBoth.rate).toBeCloseTo(ofA.rate + ofS.rate, 6);
        disposeModule(layer);
        for (const tensor of [a, s, both]) tensor.dispose();
      }),
      { numRuns: 20 },
    ));

  it("are 0 of silence, and the valid multiply-accumulates of ones, which are those that read no padding", () =>
    fc.assert(
      fc.asyncProperty(convolutions, async (drawn) => {
        const layer = layerOf(drawn);
        const [silence, all] = [zeros(drawn.shape), ones(drawn.shape)];
        expect(await opsOf(layer, silence)).toMatchObject({ input: "binary", exact: 0, rate: 0, density: 0 });
        const { exact, rate, macs, validMacs } = await opsOf(layer, all);
        expect(exact).toBe(validMacs);
        expect(rate).toBeCloseTo(macs, 6);
        expect(validMacs).toBeLessThanOrEqual(macs);
        if (drawn.options.padding === 0) expect(validMacs).toBe(macs);
        disposeModule(layer);
        silence.dispose();
        all.dispose();
      }),
      { numRuns: 30 },
    ));

  it("are the same of spikes as bits and of their values", async () => {
    const net = (channels: number) => network(`c${channels}-BN-IF-{SEW}*2-MPk2-FC3`, { height: 8, width: 8, seed: 1 });
    for (const channels of [6, 32]) {
      const model = net(channels);
      const x = randomUniform([3, 2, 8, 8, 2], 0, 3, "float32", 1);
      const { layers, total } = await synOps(model, x, { training: true });
      // What each layer takes in, as plain numbers, and its convolution with ones.
      const inputs = new Map<Module, { values: Float32Array; shape: number[] }>();
      const observe = (module: Module, _: Tensor, input: () => Tensor) => {
        if (module.parameters?.weight !== undefined && module.parameters.weight.rank !== 1) {
          inputs.set(module, { values: input().dataSync<"float32">().slice(), shape: input().shape });
        }
      };
      run(model, x, { training: true, observe }).dispose();
      expect(inputs.size).toBe(6);
      for (const [i, [module, { values, shape }]] of [...inputs].entries()) {
        const [path, ops] = Object.entries(layers)[i]!;
        if (path === "unit0.conv") continue;
        const input = tensor(values, shape);
        const bias = module.parameters!.bias === undefined ? 0 : 1;
        if (bias === 0) expect(ops.exact * 2).toBeCloseTo(sumWithOnes(module, input), 4);
        expect(ops.mean).toBeCloseTo(values.reduce((a, b) => a + b, 0) / values.length, 6);
        input.dispose();
      }
      expect(layers["block1.a.conv"]!.input).toBe("counts");
      expect(total.exact).toBe(Object.values(layers).reduce((sum, { exact }) => sum + exact, 0));
      disposeModule(model);
      x.dispose();
    }
  });
});

describe("synOps of what is not spikes", () => {
  it("are multiply-accumulates: of an image, of averages, and of numbers below 0", async () => {
    const image = randomUniform([1, 1, 4, 4, 3], 0, 1, "float32", 1);
    const { layers } = await synOps(sequential({ stem: conv2d(3, 2), pool: avgPool2d(2), next: conv2d(2, 2) }), image);
    expect(layers.stem).toMatchObject({ input: "reals", exact: 0, rate: 0, macs: 9 * 16 * 6, steps: 1 });
    expect(layers.next).toMatchObject({ input: "reals", exact: 0, rate: 0 });
    expect(await opsOf(linear(2, 1), tensor([1, -1], [1, 1, 2]))).toMatchObject({ input: "reals", exact: 0 });
  });

  it("count a repeated image once or at every step, and one that changes at every step", async () => {
    const image = randomUniform([1, 2, 4, 4, 3], 0, 1, "float32", 1);
    const changing = randomUniform([3, 2, 4, 4, 3], 0, 1, "float32", 1);
    const stem = sequential({ stem: conv2d(3, 2, { kernel: 1 }) });
    const repeated = await synOps(overTime(stem, 3), image);
    expect(repeated.layers.stem).toMatchObject({ steps: 3, repeats: true, macs: 3 * 96 });
    expect(repeated.total).toMatchObject({ realMacs: 288, realMacsOnce: 96 });
    const changed = await synOps(stem, changing);
    expect(changed.layers.stem!.repeats).toBe(false);
    expect(changed.total).toMatchObject({ realMacs: 288, realMacsOnce: 288 });
  });

  it("keep the frames of the last pass alone, by which they know an image that stands still", async () => {
    const net = sequential({ stem: conv2d(3, 2, { kernel: 1 }) });
    const { observe, read } = attach(net, { ops: synOpsProbe() });
    const moving = randomUniform([3, 2, 64, 64, 3], 0, 1, "float32", 1);
    const still = tidy(() => tile(slice(moving, [0], [1]), [3, 1, 1, 1, 1]));
    const pass = (x: Tensor) => tidy(() => void run(net, x, { training: false, observe }));
    const tensors: number[] = [];
    for (const x of [moving, moving, still]) {
      pass(x);
      tensors.push(memory().numTensors);
    }
    // Of each pass three tensors of sums stay, and of the last one its frames.
    expect([tensors[1]! - tensors[0]!, tensors[2]! - tensors[1]!]).toEqual([3, 3]);
    const { ops } = await read();
    expect(ops.layers.stem!.repeats).toBe(true);
    disposeModule(net);
  });

  it("count an image of 8 bits as one of real numbers, and say so", async () => {
    const pixels = tensor([0, 255, 128, 7], [1, 1, 2, 2, 1]);
    const net = sequential({ stem: conv2d(1, 2, { kernel: 1 }) });
    const { layers, total, warnings } = await synOps(overTime(net, 3), pixels);
    expect(layers.stem).toMatchObject({ input: "reals", exact: 0, rate: 0, macs: 24, repeats: true });
    expect(total).toMatchObject({ exact: 0, realMacs: 24, realMacsOnce: 8, countMacs: 0 });
    expect(warnings).toEqual([
      '"stem" takes in whole numbers of mean 97.5 from the network\'s input, as of an image, so it is counted in ' +
        "multiply-accumulates. Counts of events are smaller.",
    ]);
  });

  it.each([
    { mean: 5, input: "counts", exact: 20, realMacs: 0, warnings: 0 },
    { mean: 6, input: "reals", exact: 0, realMacs: 4, warnings: 1 },
  ])(
    "count whole numbers of mean $mean in front of all neurons as $input",
    async ({ mean, input, exact, realMacs, warnings }) => {
      const ops = await synOps(sequential({ layer: linear(4, 1) }), tensor([0, 0, 0, 4 * mean], [1, 1, 4]));
      expect(ops.layers.layer).toMatchObject({ input, exact });
      expect([ops.total.realMacs, ops.warnings.length]).toEqual([realMacs, warnings]);
    },
  );

  it("count large sums of spikes as spikes, and warn of them", async () => {
    const sixfold: Module = { forward: (x) => mul(x, 6) };
    const net = sequential({
      first: linear(1, 2),
      neurons: neurons(integrateAndFire)(2),
      sixfold,
      layer: linear(2, 1),
    });
    net.children.first.parameters.weight.assign(ones([1, 2]));
    net.children.first.parameters.bias.assign(zeros([2]));
    const { layers, warnings } = await synOps(net, ones([1, 1, 1]));
    expect(layers.layer).toMatchObject({ input: "counts", mean: 6, exact: 12 });
    expect(warnings).toEqual([
      '"layer" takes in whole numbers of mean 6.00, each an addition for each output: more than multiply-accumulates take. ' +
        "Compare countsAsMacs of energy.",
    ]);
  });

  it("take no image for still whose pixels move while their sum stays", async () => {
    const dot = tensor([0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0.5, 0], [3, 1, 2, 2, 1]);
    const { layers, total } = await synOps(sequential({ stem: conv2d(1, 2, { kernel: 1 }) }), dot);
    expect(layers.stem).toMatchObject({ input: "reals", repeats: false });
    expect(total).toMatchObject({ realMacs: 24, realMacsOnce: 24 });
  });

  it("count the stem once that is computed once", async () => {
    const image = randomUniform([1, 1, 32, 32, 3], 0, 1, "float32", 1);
    const net = resNet(18, { classes: 3, stemOnceFor: 4 });
    const { layers } = await synOps(net, image);
    expect(layers["stem.conv"]).toMatchObject({ steps: 1, macs: 49 * 16 * 16 * 3 * 64 });
    expect(layers.classifier).toMatchObject({ steps: 4, macs: 4 * 512 * 3 });
    expect(Object.keys(layers)).toContain("stage2.block0.shortcut.conv");
    disposeModule(net);
  });
});

describe("synOps of networks", () => {
  it("add up for a layer in two places, and mean over the samples of several passes", async () => {
    const layer = linear(2, 2, { bias: false });
    layer.parameters.weight.assign(tensor([1, 0, 0, 1], [2, 2]));
    const model = sequential({ a: layer, b: layer });
    const { layers } = await synOps(model, tensor([1, 0, 1, 1], [1, 2, 2]));
    expect(layers).toEqual({ a: expect.objectContaining({ exact: 6, macs: 8 }) });
    const attached = attach(model, { ops: synOpsProbe() });
    for (const values of [
      [1, 0],
      [1, 1],
      [0, 0],
    ]) {
      run(model, tensor(values, [1, 1, 2]), { training: false, observe: attached.observe });
    }
    const { ops } = await attached.read();
    expect(ops.samples).toBe(3);
    expect(ops.layers.a).toMatchObject({ exact: 4, macs: 8 });
    expect((await attached.read()).ops).toMatchObject({ layers: {}, samples: 0 });
  });

  it("warn of layers that did not run, and of weights that they cannot place", async () => {
    const [conv, own] = [conv2d(1, 1), conv2d(1, 1)];
    const { geometry: _, ...placeless } = own;
    const model: Module = {
      children: { conv, placeless },
      forward: (x, context) => run(placeless, x, context),
    };
    const { warnings, layers } = await synOps(model, zeros([1, 1, 3, 3, 1]));
    expect(layers).toEqual({});
    expect(warnings).toEqual([
      '"conv" did not run through run(), so it is not counted. Call it with run(module, x, context).',
      '"placeless" has weights and no geometry, so it is not counted. Make it with conv2d or linear.',
    ]);
  });

  it("warn of an embedding, whose weight has the rank of a linear layer's, too", async () => {
    const weight = variable(ones([5, 3]));
    const embedding: Module = {
      parameters: { weight },
      forward: (x) => add(x, slice(weight as Tensor, [0, 0], [1, 3])),
    };
    const { warnings, layers } = await synOps(sequential({ embedding }), ones([1, 1, 3]));
    expect(layers).toEqual({});
    expect(warnings).toEqual([
      '"embedding" has weights and no geometry, so it is not counted. Make it with conv2d or linear.',
    ]);
    weight.dispose();
  });

  it("leave the weights of neurons out", async () => {
    const net = network("c4-BN-SLIDINGPSN-FC3", { height: 4, width: 4 });
    const { layers, warnings } = await synOps(net, zeros([2, 1, 4, 4, 2]));
    expect(Object.keys(layers)).toEqual(["unit0.conv", "classifier"]);
    expect(warnings).toEqual([]);
    disposeModule(net);
  });

  it("leave nothing in memory", async () => {
    const net = network("c4-BN-IF-SEW-FC3", { height: 4, width: 4 });
    const x = zeros([2, 1, 4, 4, 2]);
    const before = memory().numTensors;
    await synOps(net, x);
    expect(memory().numTensors).toBe(before);
    disposeModule(net);
  });

  it.skipIf(unavailable("native") !== undefined)(
    "have the published dense counts: ResNet-18 1.814 G at 224 x 224, its stem 118.0 M; 7B-Net as coded 403.7 M a step",
    async () => {
      await use("native");
      try {
        const ofResNet = resNet(18);
        const { layers, total } = await synOps(ofResNet, zeros([1, 1, 224, 224, 3]));
        expect(layers["stem.conv"]!.macs).toBe(118_013_952);
        expect(total.macs).toBe(1_814_073_344);
        disposeModule(ofResNet);
        const coded = sevenBNet({ classes: 11, height: 128, width: 128, stemKernel: 1 });
        expect((await synOps(coded, zeros([1, 1, 128, 128, 2]))).total.macs / 1e6).toBeCloseTo(403.7, 1);
        disposeModule(coded);
      } finally {
        await setBackend("cpu");
      }
    },
  );
});

describe("energy", () => {
  const total = { realMacs: 40, realMacsOnce: 10, countExact: 200, countMacs: 3000, macs: 9000, validMacs: 8000 };
  const ops: SynOps = { layers: {}, total: { exact: 1000, rate: 1100, ...total }, samples: 1, warnings: [] };
  const nanojoules = (values: object) => Object.fromEntries(Object.entries(values).map(([k, v]) => [k, v * 1e6]));

  it("is that of additions for spikes and multiply-accumulates for the rest, worked by hand in nJ at fp32", () => {
    const { exact, rate, countsAsMacs, dense } = nanojoules(energy(ops)) as Record<string, number>;
    expect(exact).toBeCloseTo(0.9 + 0.184, 9);
    expect(rate).toBeCloseTo(0.99 + 0.184, 9);
    expect(countsAsMacs).toBeCloseTo(0.72 + 13.8 + 0.184, 9);
    expect(dense).toBeCloseTo(41.4, 9);
  });

  it("counts a repeated image once on request", () => {
    const { exact, dense } = nanojoules(energy(ops, { repeated: "once" })) as Record<string, number>;
    expect(exact).toBeCloseTo(0.9 + 0.046, 9);
    expect(dense).toBeCloseTo(41.4 - 30 * 4.6e-3, 9);
  });

  it("takes other costs: those of fp16 and int8, and one's own", () => {
    expect(energy(ops, { costs: operationCosts.fp16 }).exact * 1e6).toBeCloseTo(0.4 + 0.06, 9);
    expect(energy(ops, { costs: operationCosts.int8 }).exact * 1e6).toBeCloseTo(0.03 + 0.0092, 9);
    expect(energy(ops, { costs: { mac: 1, ac: 0 } }).exact * 1e6).toBeCloseTo(0.04, 9);
  });
});

describe("synOps refuse", () => {
  it("x without a batch axis", async () =>
    await expect(synOps(sequential({ flatten: flatten() }), zeros([4]))).rejects.toThrow(
      new RangeError(
        "synOps: x must be a sequence [T, N, ...] of at least one time-step and one sample, got shape [4]",
      ),
    ));
});
