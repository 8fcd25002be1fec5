import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { neuronModels } from "@sew/neurons";
import { describeBackends, unavailable, use } from "@sew/testing";
import { getBackend, memory, setBackend } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { conformance } from "../src/reference/conformance.js";
import { fromTorch, toTorch } from "../src/reference/hashed.js";
import { fixtures, type ReferenceKind, referenceCases } from "../src/reference/index.js";
import { hash, type Images, type PlainBlock, relu, runPlain, type State, spiking, stateOf } from "./plainBlock.js";
import { blockShapes, eventNetShapes, resNetShapes } from "./torchShapes.js";
import { root } from "./workspace.js";

type Fields = Record<string, unknown>;

/** What a case stores of a gradient. */
interface Gradient {
  shape: number[];
  l2: number;
  head: number[];
}

/** The fields of a case that tests change. */
interface Editable extends Fields {
  y: number[];
  yShape: number[];
  gradX: number[];
  spike: number[];
  logits: number[];
  loss: number;
  parameters: number;
  firingRates: Record<string, number>;
  grads: Record<string, Gradient>;
  buffers: Record<string, number[]>;
}

const folders = mkdtempSync(join(tmpdir(), "sew-conformance-"));
afterAll(() => rmSync(folders, { recursive: true, force: true }));

/** A new folder with these files. */
function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(folders, "cases-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

/** Runs one case of a kind; returns its differences. */
function differencesOf(kind: ReferenceKind, c: unknown): readonly string[] {
  const folder = folderOf({ [`${kind}.json`]: JSON.stringify({ cases: [c] }) });
  return [...conformance(folder, [kind])][0]!.differences;
}

/** A case of the fixtures, with some fields replaced. */
function fixture(kind: ReferenceKind, index: number, change: (c: Editable) => Fields = (c) => c): Fields {
  const { cases } = JSON.parse(readFileSync(join(fixtures, `${kind}.json`), "utf8")) as { cases: Editable[] };
  return change(structuredClone(cases[index]!));
}

const zeros = (n: number) => Array<number>(n).fill(0);
const summaries = (shapes: Readonly<Record<string, readonly number[]>>) =>
  Object.fromEntries(Object.entries(shapes).map(([key, shape]) => [key, { shape, l2: 0 }]));

/** Blocks with other settings than those of the fixtures. */
const plainCases: { name: string; c: Fields; block: Omit<PlainBlock, "kernels" | "stride" | "steps"> }[] = [
  {
    name: "sewBasic AND with LIF of τ = 3 and V_th = 0.4",
    c: { block: "sewBasic", connect: "AND", neuron: "LIF", tau: 3, vThreshold: 0.4, stride: 2 },
    block: { family: "sew", activation: spiking({ tau: 3, vThreshold: 0.4 }), connect: (a, s) => a * s },
  },
  {
    name: "sewBottleneck IAND with LIF that resets to −0.3",
    c: { block: "SEWBOTTLENECK", connect: "iand", neuron: "LIF", tau: 1.5, vReset: -0.3, stride: 2 },
    block: { family: "sew", activation: spiking({ tau: 1.5, vReset: -0.3 }), connect: (a, s) => (1 - a) * s },
  },
  {
    name: "spikingBottleneck with IF of soft reset",
    c: { block: "spikingBottleneck", connect: null, neuron: "IF", vReset: null, vThreshold: 0.7, stride: 2 },
    block: { family: "spiking", activation: spiking({ vThreshold: 0.7, vReset: null }) },
  },
  {
    name: "plain with PLIF that starts at τ = 4",
    c: { block: "plain", connect: null, neuron: "PLIF", tau: 4, vThreshold: 0.3, stride: 2 },
    block: { family: "plain", activation: spiking({ tau: 4, vThreshold: 0.3 }) },
  },
  {
    name: "plainBottleneck without stride",
    c: { block: "plainBottleneck", neuron: "IF", stride: 1 },
    block: { family: "plain", activation: spiking({}) },
  },
  { name: "annBasic", c: { block: "annBasic", connect: null, stride: 2 }, block: { family: "ann", activation: relu } },
  { name: "annBottleneck", c: { block: "annBottleneck", stride: 1 }, block: { family: "ann", activation: relu } },
  { name: "rbaBasic", c: { block: "rbaBasic", connect: "ADD", stride: 1 }, block: { family: "rba", activation: relu } },
  { name: "rbaBottleneck", c: { block: "rbaBottleneck", stride: 2 }, block: { family: "rba", activation: relu } },
];

const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** A complete case, expected values from the plain block: for ANN blocks gradients too, by central differences. */
function plainCase({ name, c, block }: (typeof plainCases)[number], inChannels: number): Fields {
  const tag = `plain.${name}`;
  const [T, N, H, W, planes] = [3, 2, 4, 5, 2];
  const stride = c.stride as number;
  const bottleneck = /bottleneck/i.test(c.block as string);
  const shapes = blockShapes(bottleneck, inChannels, planes, stride, block.family !== "plain");
  const x: Images = {
    shape: [T * N, inChannels, H, W],
    values: hash(`${tag}.x`, T * N * inChannels * H * W).map((u) => (u < 0.4 ? 1 : 0)),
  };
  const settings = { ...block, kernels: bottleneck ? [1, 3, 1] : [3, 3], stride, steps: T };
  const state = stateOf(tag, shapes);
  const { y, buffers } = runPlain(settings, state, x);
  const ws = c.neuron === "PLIF" ? { "sn1.w": [], "sn2.w": [] } : {};
  const common = { tag, ...c, inChannels, planes, T, N, H, W, buffers, y: y.values };
  const yShape = [T, N, ...y.shape.slice(1)];
  if (block.activation !== relu) {
    return { ...common, yShape, gradX: zeros(x.values.length), grads: summaries({ ...shapes, ...ws }) };
  }
  const dy = hash(`${tag}.g`, y.values.length).map((u) => Math.fround(2 * u - 1));
  const loss = (s: State, input: Images) =>
    runPlain(settings, s, input).y.values.reduce((sum, v, i) => sum + v * dy[i]!, 0);
  const gradient = (values: number[], at: (moved: number[]) => number) =>
    values.map((v, i) => {
      const h = 1e-5;
      return (at(values.with(i, v + h)) - at(values.with(i, v - h))) / (2 * h);
    });
  const grads = Object.fromEntries(
    [...state].map(([key, { shape, values }]) => {
      const g = gradient(values, (moved) => loss(new Map(state).set(key, { shape, values: moved }), x));
      return [key, { shape, l2: Math.hypot(...g), head: g.slice(0, 6) }];
    }),
  );
  return { ...common, yShape, gradX: gradient(x.values, (moved) => loss(state, { ...x, values: moved })), grads };
}

describeBackends("a block case", () => {
  it.each(plainCases.filter(({ block }) => block.activation !== relu))(
    "finds $name as plain loops compute it",
    (plain) => {
      const lines = differencesOf("blocks", plainCase(plain, 3));
      // The gradients of this case are stored as 0; all else must agree.
      expect(lines.filter((line) => !/^(gradX|gradient (norm )?of \S+):/.test(line))).toEqual([]);
      expect(lines).toContainEqual(expect.stringMatching(/^gradient norm of conv1\.weight: /));
    },
  );

  it.each(plainCases.filter(({ block }) => block.activation === relu))(
    "agrees with plain loops and central differences on $name",
    (plain) => expect(differencesOf("blocks", plainCase(plain, 3))).toEqual([]),
  );

  it("takes a gradient that only rounding keeps from 0 as 0", () => {
    // The scale of a convolution's only weight is undone by the norm behind it.
    const c = plainCase({ ...plainCases.find(({ name }) => name === "annBasic")!, name: "one channel" }, 1);
    const grads = c.grads as Record<string, { l2: number }>;
    expect(grads["downsample.0.weight"]!.l2).toBeLessThan(1e-3 * grads["bn2.bias"]!.l2);
    expect(differencesOf("blocks", c)).toEqual([]);
  });

  it("leaves nothing in memory, whether the case runs or not", () => {
    const run = (c: Fields) => differencesOf("blocks", c);
    const before = memory().numTensors;
    run(fixture("blocks", 5));
    run(fixture("blocks", 8, (c) => ({ ...c, grads: {} })));
    run(fixture("blocks", 8, (c) => ({ ...c, tau: 0.5 })));
    expect(memory().numTensors).toBe(before);
  });
});

describe("a block case that was changed", () => {
  const changed = (change: (c: Editable) => Fields, index = 3) =>
    differencesOf("blocks", fixture("blocks", index, change));

  it("passes as it was", () => expect(changed((c) => c)).toEqual([]));

  it.each<[string, (c: Editable) => void, RegExp]>([
    ["a spike", (c) => (c.y[7]! = 1 - c.y[7]!), /^y: 1 of 432 values differ, first \[7\]: \d where \d is expected$/],
    ["an input gradient", (c) => (c.gradX[2]! += 1e-3), /^gradX: 1 of 864 values differ, first \[2\]/],
    ["a norm", (c) => (c.grads["bn2.bias"]!.l2 *= 1.001), /^gradient norm of bn2\.bias: 1 of 1 values differ/],
    ["a gradient", (c) => (c.grads["conv1.weight"]!.head[4]! += 1e-3), /^gradient of conv1\.weight: 1 of 6 .* \[4\]/],
    ["a mean", (c) => (c.buffers["downsample.1.running_mean"]![1]! += 1e-3), /^downsample\.1\.running_mean: 1 of 8 /],
    [
      "a buffer's name",
      (c) => (c.buffers["bn9.running_mean"] = [0]),
      /^bn9\.running_mean: there is no such buffer here$/,
    ],
    ["the tag", (c) => (c.tag = "other"), /^y: \d+ of 432 values differ/],
    ["the surrogate", (c) => Object.assign(c, { surrogate: "sigmoid", alpha: 4 }), /^gradX: /],
    ["α", (c) => (c.alpha = 3), /^gradX: /],
    ["the reset's detach", (c) => (c.detachReset = false), /^gradX: /],
    ["g", (c) => (c.connect = "AND"), /^y: /],
    [
      "the output's shape",
      (c) => (c.yShape = [3, 2, 8, 9, 1]),
      /^y: its shape is \[3,2,8,3,3\] here, where \[3,2,8,9,1\]/,
    ],
  ])("differs in %s", (_, change, line) => {
    const lines = changed((c) => {
      change(c);
      return c;
    });
    expect(lines[0]).toMatch(line);
  });

  it("names the parameters that only one side has, and both shapes of one that differs", () => {
    const lines = changed((c) => {
      const { "bn1.weight": renamed, ...grads } = c.grads;
      grads["norm1.weight"] = renamed!;
      grads["conv2.weight"]!.shape = [8, 8, 1, 1];
      return { ...c, grads };
    });
    expect(lines).toEqual([
      "conv2.weight: its shape is [8,8,3,3] here, where [8,8,1,1] is expected",
      "norm1.weight: there is no such parameter here",
      "a.norm.weight [8]: the case has no such parameter",
    ]);
  });

  it.each<[string, Fields, string]>([
    [
      "block",
      { block: "sewDense" },
      'blockCase: block must be sew, spiking, plain, ann or rba and Basic or Bottleneck, such as sewBasic, got "sewDense"',
    ],
    ["g", { connect: "XOR" }, 'familyBlock: connect must be ADD, AND or IAND in SEW blocks, got "XOR"'],
    ["g of a SEW block", { connect: null }, "familyBlock: connect must be ADD, AND or IAND in SEW blocks, got null"],
    ["surrogate", { surrogate: "tan", alpha: 1 }, "referenceSpike: name must be one of "],
    ["τ", { neuron: "LIF", tau: 0.5 }, "lif: tau must be at least 1 time-step, got 0.5"],
    [
      "neuron",
      { neuron: "HodgkinHuxley" },
      `neuronCase: neuron must be one of ${Object.keys(neuronModels).join(", ")}, got HodgkinHuxley`,
    ],
    ["type", { planes: "8" }, "cases[0].planes: Invalid input: expected number, received string"],
    ["missing neuron", { neuron: undefined }, "withDefaults: neuron must be named, such as LIF, got none"],
    ["missing field", { yShape: undefined }, "cases[0].yShape: Invalid input: expected array, received undefined"],
    ["length", { y: [0] }, "cases[0].y: must have as many values as yShape"],
    ["size", { planes: 1e9 }, "cases[0].planes: Too big"],
  ])("fails with what is wrong with its %s", (_, fields, message) => {
    const [line, ...more] = changed((c) => ({ ...c, ...fields }));
    expect(line).toContain(message);
    expect(more).toEqual([]);
  });
});

describe("the order of a linear weight behind a flattening", () => {
  it("goes from [C, H, W] to [H, W, C] and back", () => {
    // Two classes; features (channel, place): c0p0 c0p1 c0p2 c1p0 c1p1 c1p2.
    const torch = [1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60];
    const here = fromTorch(torch, [2, 6], 2);
    expect(here.arraySync()).toEqual([
      [1, 10],
      [4, 40],
      [2, 20],
      [5, 50],
      [3, 30],
      [6, 60],
    ]);
    expect(toTorch(here, 2)).toEqual(torch);
    here.dispose();
  });
});

const images = (size: number) => `uniform(tag+".x") in [-1,1], [N,3,${size},${size}], repeated over T`;
const events = (size: number) => `event counts: u=uniform(tag+".x"); u<0.5 ? floor(u*8) : 0; [T,N,2,${size},${size}]`;

function networkCase(
  network: string,
  shapes: Readonly<Record<string, readonly number[]>>,
  fields: Fields = {},
): Fields {
  return {
    tag: "shapes",
    network,
    T: 1,
    N: 1,
    classes: 3,
    input: images(32),
    target: [0],
    logits: [0, 0, 0],
    loss: 0,
    firingRates: {},
    parameters: Object.values(shapes).reduce((sum, shape) => sum + product(shape), 0),
    grads: summaries(shapes),
    ...fields,
  };
}

/** Lines about names and shapes, of which a right case has none. */
const structural = (lines: readonly string[]) =>
  lines.filter(
    (line) =>
      !/^first layer that differs: |^(logits|loss|gradient (norm )?of \S+|firing rate of \S+): \d+ of \d+ values differ/.test(
        line,
      ),
  );

describe("a network case", () => {
  // Names and shapes depend on no backend: the fast one does.
  const before = getBackend();
  beforeAll(() => use(unavailable("native") === undefined ? "native" : "cpu"));
  afterAll(() => setBackend(before));

  const unknown = { "extra.weight": [1] };

  // The parameter too many ends the case before it runs: a deep net would take minutes on the CPU.
  it.each<[string, string | null, keyof typeof depthsOf]>([
    ["sewResnet34", "AND", 34],
    ["SEWResNet50", "iand", 50],
    ["spikingResnet101", null, 101],
    ["spikingResnet18", "spiking", 18],
    ["plainResnet34", "plain", 34],
    ["plainResnet50", null, 50],
    ["annResnet34", null, 34],
    ["rbaResnet50", "ADD", 50],
    ["sewResnet152", "ADD", 152],
  ])("finds every key of %s %s", (network, connect, depth) => {
    const shapes = resNetShapes(depth, 3, !network.startsWith("plain"));
    const { grads, ...rest } = networkCase(network, shapes, { connect });
    const lines = differencesOf("networks", { ...rest, grads: { ...(grads as object), ...summaries(unknown) } });
    expect(lines).toEqual(["extra.weight: there is no such parameter here"]);
  });
  const depthsOf = { 18: 0, 34: 0, 50: 0, 101: 0, 152: 0 };

  const cifar = [{ channels: 32, groups: 5, blocks: 2 }];
  const wide = [
    { channels: 64, groups: 4 },
    { channels: 128, groups: 3 },
  ];
  const seven = [{ channels: 32, groups: 7 }];

  it.each<[string, Fields, Parameters<typeof eventNetShapes>]>([
    ["CIFAR-10", { connect: "ADD", T: 2 }, [cifar, { from: 3, kernel: 3, features: 1, classes: 3, plif: false }]],
    [
      "c32k3s1-BN-IF-{{SEW(c32)}*2-MPk2s2}*5-FC3",
      { connect: "IAND", neuron: "PLIF", tau: 3, input: images(64) },
      [cifar, { from: 3, kernel: 3, features: 4, classes: 3, plif: true }],
    ],
    ["CIFAR-10", { connect: null }, [cifar, { from: 3, kernel: 3, features: 1, classes: 3, plif: false }, "sn"]],
    [
      "CIFAR-10",
      { connect: null, neuron: "LIF" },
      [cifar, { from: 3, kernel: 3, features: 1, classes: 3, plif: false }],
    ],
  ])("finds every key and neuron layer of %s %j", (network, fields, of) => {
    const { shapes, neurons } = eventNetShapes(...of);
    const firingRates = Object.fromEntries(neurons.map((name) => [name, -1]));
    const lines = differencesOf("networks", networkCase(network, shapes, { firingRates, ...fields }));
    expect(structural(lines)).toEqual([]);
    expect(lines.filter((line) => line.startsWith("firing rate of "))).toHaveLength(neurons.length);
    expect(lines).toContainEqual(expect.stringMatching(/^logits: 3 of 3 /));
  });

  it.each<[string, Fields, Parameters<typeof eventNetShapes>]>([
    ["Wide-7B-Net", { connect: "AND" }, [wide, { from: 2, kernel: 3, features: 1, classes: 3, plif: true }]],
    ["wide7BNet", { connect: "ADD" }, [wide, { from: 2, kernel: 1, features: 1, classes: 3, plif: true }]],
    ["7B-Net", { connect: "plain" }, [seven, { from: 2, kernel: 1, features: 1, classes: 3, plif: true }]],
    [
      "7B-Net",
      { connect: "spiking", neuron: "IF" },
      [seven, { from: 2, kernel: 3, features: 1, classes: 3, plif: false }, "sn"],
    ],
  ])("finds every key of %s %j", (network, fields, of) => {
    const { shapes } = eventNetShapes(...of);
    const c = networkCase(network, { ...shapes, ...unknown }, { input: events(128), ...fields });
    const lines = differencesOf("networks", { ...c, parameters: (c.parameters as number) - 1 });
    expect(lines).toEqual(["extra.weight: there is no such parameter here"]);
  });

  it("finds the keys of blocks that are one sequence, 0 to 5", () => {
    const { shapes } = eventNetShapes(seven, { from: 2, kernel: 3, features: 1, classes: 3, plif: true });
    const inOne = (key: string) =>
      key.replace(
        /^(\d+)\.([ab])\.(\d)/,
        (_, position, unit, at) => `${position}.${unit === "b" ? 3 + Number(at) : at}`,
      );
    const renamed = Object.fromEntries(Object.entries(shapes).map(([key, shape]) => [inOne(key), shape]));
    const c = networkCase("7B-Net", { ...renamed, ...unknown }, { input: events(128), connect: "plain" });
    const lines = differencesOf("networks", { ...c, parameters: (c.parameters as number) - 1 });
    expect(lines).toEqual(["extra.weight: there is no such parameter here"]);
  });

  const { shapes } = eventNetShapes(cifar, { from: 3, kernel: 3, features: 1, classes: 3, plif: false });
  it.each<[string, Fields, string]>([
    ["network", { network: "vgg11" }, 'Resnet18, 34, 50, 101 or 152, such as sewResnet18, got "vgg11"'],
    ["depth", { network: "sewResnet20" }, 'such as sewResnet18, got "sewResnet20"'],
    ["g", { connect: "OR" }, 'familyBlock: connect must be ADD, AND or IAND in SEW blocks, got "OR"'],
    ["input", { input: "normal(0, 1)" }, `networkInput: input must read 'uniform(tag+".x") in [lo,hi]`],
    ["steps", { input: events(32).replace("[T", "[7") }, "networkInput: input must agree with T = 1, got "],
    ["samples", { input: images(32).replace("[N", "[4") }, "networkInput: input must agree with N = 1, got "],
    [
      "input's size",
      { input: images(99999) },
      "networkInput: input must describe from 1 to 67108864 values and at most 4096 channels, got ",
    ],
    ["target", { target: [3] }, "cases[0].target: must have N values below classes"],
    ["logits", { logits: [1] }, "cases[0].logits: must have N * classes values"],
    [
      "gradients",
      { grads: { "0.0.weight": { shape: [1] } } },
      "cases[0].grads.0.0.weight.l2: Invalid input: expected number",
    ],
  ])("fails with what is wrong with its %s", (_, fields, message) => {
    const [line, ...more] = differencesOf("networks", networkCase("CIFAR-10", shapes, { connect: "ADD", ...fields }));
    expect(line).toContain(message);
    expect(more).toEqual([]);
  });
});

describeBackends("a network case that was changed", (backend) => {
  it("differs in what was changed and in nothing else", ({ skip }) => {
    if (backend === "cpu") skip("takes a minute in plain JavaScript");
    const lines = differencesOf(
      "networks",
      fixture("networks", 3, (c) => {
        c.loss *= 1.02;
        c.logits[3]! += 1;
        c.parameters -= 1;
        c.firingRates["7.b.2"]! += 0.01;
        c.firingRates["2.a.2"] = 0;
        c.grads["9.b.1.bias"]!.l2 *= 1.1;
        return c;
      }),
    );
    expect(lines.map((line) => line.slice(0, line.indexOf(":")))).toEqual([
      "first layer that differs",
      "parameters",
      "logits",
      "loss",
      "firing rate of 7.b.2",
      "firing rate of 2.a.2",
      "gradient norm of 9.b.1.bias",
    ]);
    expect(lines[5]).toBe("firing rate of 2.a.2: there is no such layer here");
  });
});

describe("a network case whose spikes differ", () => {
  const before = getBackend();
  beforeAll(() => use(unavailable("native") === undefined ? "native" : "cpu"));
  afterAll(() => setBackend(before));

  const rows = [{ channels: 32, groups: 5, blocks: 2 }];
  const { shapes } = eventNetShapes(rows, { from: 3, kernel: 3, features: 1, classes: 3, plif: false });
  const size = 32 * 32 * 32;
  /** The first line of the report of a case that stores this of its first neuron layers. */
  const firstLine = (fields: Fields) => differencesOf("networks", networkCase("CIFAR-10", shapes, fields))[0]!;
  const exact = (spikes: Uint8Array) => {
    const text = firstLine({ firingRates: { "0.2": 0 }, spikes: { "0.2": Buffer.from(spikes).toString("base64") } });
    const [, count, at, u, side] =
      /^first layer that differs: 0\.2 differs in (\d+) of 32768 spikes; its first neuron that does is \[t,n,h,w,c\] = \[([\d,]+)\] of 0\.2, (\d\.\de[+-]\d+) (above|below) the threshold$/.exec(
        text,
      )!;
    return { count: Number(count), at: at!.split(",").map(Number), u: Number(u), side };
  };

  it("says first which layer fires more or less often, and which neuron up to there is nearest to its threshold", () => {
    const { count } = exact(new Uint8Array(size / 8));
    const line = firstLine({ firingRates: { "0.2": (count - 2) / size, "1.a.2": 0 } });
    expect(line).toMatch(
      new RegExp(
        `^first layer that differs: 0\\.2 has 2 spikes more than the ${count - 2} of the case; the neuron nearest to its threshold up to there is \\[t,n,h,w,c\\] = \\[0,0,\\d+,\\d+,\\d+\\] of 0\\.2, \\d\\.\\de-\\d+ (above|below) the threshold$`,
      ),
    );
    expect(firstLine({ firingRates: { "0.2": (count + 1) / size } })).toContain("has 1 spike fewer than");
    expect(firstLine({ firingRates: { "0.2": count / size, "1.a.2": 1 } })).toMatch(
      /^first layer that differs: 1\.a\.2 has /,
    );
  });

  it("finds the very neuron where the case stores the spikes", () => {
    const spikes = new Uint8Array(size / 8);
    const first = exact(spikes);
    expect(first.side).toBe("above");
    // That neuron fires in the case, too: the next one is the first to differ.
    const [t, n, h, w, c] = first.at as [number, number, number, number, number];
    const bit = ((t + n) * 32 + c) * 32 * 32 + h * 32 + w;
    spikes[bit >> 3]! |= 1 << (bit & 7);
    const second = exact(spikes);
    expect(second.count).toBe(first.count - 1);
    expect(second.at).not.toEqual(first.at);
    expect(exact(new Uint8Array(size / 8).fill(255))).toMatchObject({ count: size - first.count, side: "below" });
  });

  it("has no such line where neurons are smooth, and fires as no step does", () => {
    const fields = { firingRates: { "0.2": 0 }, smooth: true };
    const lines = differencesOf("networks", networkCase("CIFAR-10", shapes, fields));
    expect(lines.filter((line) => line.startsWith("first layer"))).toEqual([]);
    const rate = /^firing rate of 0\.2: 1 of 1 values differ, first \[0\]: (\S+) where 0 is expected$/m.exec(
      lines.join("\n"),
    )![1];
    expect(Number(rate) * size).not.toBeCloseTo(exact(new Uint8Array(size / 8)).count, 0);
  });

  it("leaves nothing in memory", () => {
    const tensors = memory().numTensors;
    exact(new Uint8Array(size / 8));
    expect(memory().numTensors).toBe(tensors);
  });
});

describe("a file of cases", () => {
  const read = (text: string) => referenceCases("blocks", folderOf({ "blocks.json": text }));

  it.each([
    ["is empty", "", "must be JSON, got nothing at byte 0"],
    ["is cut off", '{"cases": [{"tag": "µ"}, {"ta', "must be JSON, got something else at byte 27"],
    ["has a word where a value belongs", '{"cases": [oops]}', "must be JSON, got something else at byte 11"],
    ["ends too late", '{"cases": []} []', "must be JSON, got something else at byte 14"],
    ["is nested without end", `{"cases": ${"[".repeat(500_000)}`, "must be JSON, got something else at byte "],
    ["is a list", "[]", "must hold an object with a list named cases, got Invalid input: expected object"],
    [
      "has no list",
      '{"cases": 3}',
      "must hold an object with a list named cases, got cases: Invalid input: expected array",
    ],
  ])("that %s is refused by name and place", (_, text, message) =>
    expect(() => read(text)).toThrow(new RegExp(`^readCases: .*blocks\\.json ${message}`)),
  );

  it("that holds something else than cases has one failed case for each", () => {
    const cases = read('{"cases": [null, 3, [], {}, {"tag": "t", "__proto__": {"block": "sewBasic"}}]}');
    expect(cases.map((c) => c.run()[0])).toEqual([
      "cases[0]: Invalid input: expected object, received null",
      "cases[1]: Invalid input: expected object, received number",
      "cases[2]: Invalid input: expected object, received array",
      "cases[3].tag: Invalid input: expected string, received undefined",
      "cases[4].block: Invalid input: expected string, received undefined",
    ]);
    expect(cases[3]!.run().at(-1)).toBe("and 8 more");
  });
});

describe("pnpm conformance", () => {
  const good = folderOf({
    "surrogates.json": readFileSync(join(fixtures, "surrogates.json"), "utf8"),
    "notes.txt": "",
  });
  const command = (...args: string[]) => {
    const main = join(root, "packages", "testing", "dist", "main.js");
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: "utf8", cwd: folders });
    return { status, lines: stdout.trimEnd().split("\n"), stderr };
  };

  it("prints a line for every case, and what it did not find or read, and ends with 0", () => {
    const { status, lines, stderr } = command(good, "--backend", "cpu");
    expect([status, stderr]).toEqual([0, ""]);
    expect(lines.slice(0, 5)).toEqual([
      "absent: neurons.json",
      "absent: blocks.json",
      "absent: networks.json",
      "ignored: notes.txt, which is no file of cases",
      "backend: cpu",
    ]);
    expect(lines[5]).toMatch(/^pass {2}surrogates\[0\] atan, α = 2 {2}\(\d+\.\d\d s\)$/);
    expect(lines.at(-1)).toBe("6 passed, 0 failed");
  });

  it("prints the differences of a case below it, runs the others, and ends with 1", () => {
    const cases = [fixture("surrogates", 0), fixture("surrogates", 0, (c) => ({ ...c, spike: c.spike.with(3, 1) }))];
    const folder = folderOf({ "surrogates.json": JSON.stringify({ cases }), "neurons.json": '{"cases"' });
    const { status, lines } = command(folder, "--backend", "cpu");
    expect(status).toBe(1);
    expect(lines.slice(-5)).toEqual([
      expect.stringMatching(/^FAIL {2}surrogates\[1\] atan, α = 2/),
      "      spike: 1 of 41 values differ, first [3]: 0 where 1 is expected",
      expect.stringMatching(/^FAIL {2}neurons\.json/),
      expect.stringMatching(/^ {6}readCases: .*neurons\.json must be JSON, got something else at byte 8$/),
      "1 passed, 2 failed",
    ]);
  });

  it("shows the control characters of file names and cases, which a terminal would obey", () => {
    const folder = folderOf({
      "\u001b[2J": "",
      "surrogates.json": JSON.stringify({
        cases: [fixture("surrogates", 0, (c) => ({ ...c, surrogate: "\u009b1m" }))],
      }),
    });
    const { lines } = command(folder, "--backend", "cpu");
    expect(lines).toContain("ignored: \\x1b[2J, which is no file of cases");
    expect(lines.join("\n")).toContain("FAIL  surrogates[0] \\x9b1m, α = 2");
    expect(command("\u001b[2J", "--\u009bx").stderr).toContain("'--\\x9bx'");
  });

  it("runs only the cases that --filter names, and writes them to --json whole", () => {
    const { status, lines } = command(good, "--backend", "cpu", "--filter", "SIGMOID", "--json", "reports/cases.json");
    expect([status, lines.at(-1)]).toEqual([0, "1 passed, 0 failed"]);
    const report = JSON.parse(readFileSync(join(folders, "reports", "cases.json"), "utf8")) as Fields;
    expect(report).toMatchObject({ folder: good, backend: "cpu", passed: 1, failed: 0, ignored: ["notes.txt"] });
    expect(report.cases).toEqual([
      { name: "surrogates[3] sigmoid, α = 4", passed: true, seconds: expect.any(Number), differences: [] },
    ]);
    expect(readdirSync(join(folders, "reports"))).toEqual(["cases.json"]);
  });

  it("leaves no half-written --json file behind", () => {
    mkdirSync(join(folders, "taken.json"));
    const { status, stderr } = command(good, "--backend", "cpu", "--filter", "rect", "--json", "taken.json");
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: .*taken\.json/);
    expect(readdirSync(folders).filter((name) => name.startsWith("taken.json."))).toEqual([]);
  });

  it.each([
    ["a folder that is not there", ["nowhere"], "error: findCases: folder must be one that exists, got nowhere"],
    ["a folder without cases", ["."], "error: findCases: folder must hold surrogates.json, neurons.json, "],
    [
      "a filter that fits nothing",
      [good, "--backend", "cpu", "--filter", "x y"],
      'must hold a case whose name contains "x y"',
    ],
    ["no folder", [], "error: missing required argument 'DIR'"],
    ["an option that is nearly one", [good, "--filtre", "a"], "(Did you mean --filter?)"],
    ["a backend that is nearly one", [good, "--backend", "natve"], "Did you mean native?"],
  ])("says what is wrong with %s", (_, args, message) => {
    const { status, stderr } = command(...args);
    expect(status).toBe(1);
    expect(stderr).toContain(message);
  });

  it("explains itself", () => {
    const { status, lines } = command("--help");
    expect([status, lines[0]]).toEqual([0, "Usage: pnpm conformance [options] <DIR>"]);
  });

  it("computes natively unless told otherwise", ({ skip }) => {
    if (unavailable("native") !== undefined) skip(unavailable("native"));
    expect(command(good, "--filter", "rect").lines).toContain("backend: native");
    expect(existsSync(join(folders, "surrogates.json"))).toBe(false);
  });
});
