import { type BlockFactory, plainBlock } from "@sew/blocks";
import { describeBackends, read, scoped } from "@sew/kernels/testing";
import {
  type ActivationFactory,
  disposeModule,
  evaluation,
  learnable,
  type Module,
  namedBuffers,
  namedModules,
  namedParameters,
  neurons,
  relus,
  run,
} from "@sew/layers";
import { describeModule, spikesOfShape } from "@sew/layers/testing";
import { type NetworkOptions, network } from "@sew/models";
import { integrateAndFire, lif, plif } from "@sew/neurons";
import { memory, mul, ones, onesLike, zeros } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const small = { height: 8, width: 8 };
const namesOf = (module: Module): string[] => Object.keys(module.children!);

describeModule("network", {
  make: () => network("c4-BN-PLIF-SEW(c4)-MPk2-c6k1-BN-PLIF-SEW(c6)-MPk2-DP-FC3", small),
  input: [3, 2, 8, 8, 2],
  output: [3, 2, 3],
  timeless: false,
});
describeModule("network that ends in voting", {
  make: () => network("MPk2-c4-LIF-APk2-DP-FC6-LIF-APk3s3", small),
  input: [3, 2, 8, 8, 2],
  output: [3, 2, 2],
  timeless: false,
});

describe("network", () => {
  it("names its layers by kind and order, and the last linear layer classifier", () =>
    expect(namesOf(network("c4-BN-IF-{SEW-MPk2}*2-c4-c6-BN-IF-LIF-DP-{FC8-IF}*2-DP-FC6-IF-APk2", small))).toEqual([
      ...["unit0", "block0", "pool0", "block1", "pool1", "conv0", "unit1", "neuron0", "dropout0"],
      ...["flatten", "linear0", "neuron1", "linear1", "neuron2", "dropout1", "classifier", "neuron3", "voting"],
    ]));

  it("calls only the last of repeated linear layers classifier", () =>
    expect(namesOf(network("{FC4-IF}*3", small))).toEqual([
      ...["flatten", "linear0", "neuron0", "linear1", "neuron1", "classifier", "neuron2"],
    ]));

  it("keeps the names of parameters and buffers, by which checkpoints know them", () => {
    const net = network("c4k3s1-BN-PLIF-SEW(c4)-MPk2-FC3", small);
    const of = (unit: string, ...names: string[]) => names.map((name) => `${unit}.${name}`);
    expect([...namedParameters(net).keys()]).toEqual([
      ...["unit0", "block0.a", "block0.b"].flatMap((unit) =>
        of(unit, "conv.weight", "norm.weight", "norm.bias", "neuron.w"),
      ),
      ...["classifier.weight", "classifier.bias"],
    ]);
    expect([...namedBuffers(net).keys()]).toEqual(
      ["unit0", "block0.a", "block0.b"].flatMap((unit) => of(unit, "norm.runningMean", "norm.runningVar")),
    );
  });

  it("gives a convolution a bias where no BN follows it", () => {
    const shapes = (notation: string) =>
      [...namedParameters(network(notation, small))].map(([name, { shape }]) => [name, shape]);
    expect(shapes("c4k5-IF")).toEqual([
      ["conv0.weight", [5, 5, 2, 4]],
      ["conv0.bias", [4]],
    ]);
    expect(shapes("c4k5-BN")).toEqual([
      ["unit0.conv.weight", [5, 5, 2, 4]],
      ["unit0.norm.weight", [4]],
      ["unit0.norm.bias", [4]],
    ]);
  });

  it("makes the blocks of the kind that is written, each of the neurons before it", () => {
    const kinds: string[] = [];
    const kind = (name: string) => () => {
      kinds.push(name);
      return { forward: (x: Parameters<Module["forward"]>[0]) => x };
    };
    const [a, b] = [kind("PLIF"), kind("IF")];
    network("c4-BN-PLIF-SEW-c4-IF-Plain-SEW AND", {
      ...small,
      neurons: { PLIF: a, IF: b },
      blocks: {
        SEW: ({ neurons, channels }) => {
          kinds.push(`block of ${channels}`);
          return neurons(channels);
        },
      },
    });
    const path = ["IF", "IF"];
    expect(kinds).toEqual(["PLIF", "block of 4", "PLIF", "IF", ...path, ...path]);
  });

  it.each([
    { name: "Spiking", children: ["a", "b", "neuron"] },
    { name: "SEW ADD", children: ["a", "b"] },
    { name: "Plain Block", children: ["a", "b"] },
  ])("makes the block $name", ({ name, children }) =>
    expect(namesOf(network(`c4-BN-IF-${name}`, small).children.block0!)).toEqual(children),
  );

  it("takes as neurons what the options say", () => {
    const taus = (own: NetworkOptions["neurons"] = {}) =>
      [...namedModules(network("c4-BN-PLIF-IF", { ...small, neurons: own }))].flatMap(([, module]) =>
        "neuron" in module ? [Object.keys(module.parameters ?? {}).join()] : [],
      );
    expect(taus()).toEqual(["w", ""]);
    expect(taus({ PLIF: neurons(lif) })).toEqual(["", ""]);
    expect(taus({ IF: neurons(plif) })).toEqual(["w", "w"]);
    expect(taus({ PLIF: relus(), IF: relus() })).toEqual([]);
  });

  it("gives every neuron layer of a repetition a w of its own", () => {
    const ws = [...namedParameters(network("{c4-BN-PLIF-SEW}*2", small))].filter(([name]) => name.endsWith(".w"));
    expect(new Set(ws.map(([, w]) => w)).size).toBe(6);
  });

  it("refuses layers that do not fit with their place, and leaves memory as it was", () => {
    const before = memory().numTensors;
    const refusals: [notation: string, options: Partial<NetworkOptions>, message: string][] = [
      [
        "c4-BN-IF-SEW-c4-BN-PSN",
        {},
        "network: psn: steps must be an integer of at least 1, got undefined at offset 19; pass the T of the sequences",
      ],
      [
        "c4-BN-LI-SEW-FC3",
        {},
        "network: sewBlock: neurons must emit spikes, got some that emit real numbers at offset 9; put them behind the last layer",
      ],
      [
        "c4-BN-ILIF-SEW IAND-FC3",
        {},
        "network: sewBlock: connect must not fall below 0 for what the neurons emit, 0 to 4, got g(2, 1) = -1 at offset 11; use ADD or AND",
      ],
      [
        "c4-BN-IF-Plain-FC3",
        { zeroInit: true },
        "network: plainBlock: zeroInit must be false, got true at offset 9; a block without a shortcut has no identity",
      ],
    ];
    for (const [notation, options, message] of refusals) {
      expect(() => network(notation, { ...small, ...options })).toThrow(message);
    }
    expect(memory().numTensors).toBe(before);
  });

  it("takes parallel neurons, for sequences of the steps of its options, and a readout that does not spike", () =>
    scoped(() => {
      const net = network("c4-BN-PSN-SEW-MPk2-c4-BN-MASKEDPSN-FC6-SLIDINGPSN-FC3-LI", { ...small, steps: 3 });
      expect(run(net, zeros([3, 1, 8, 8, 2]), evaluation).shape).toEqual([3, 1, 3]);
      expect(
        [...namedParameters(net)]
          .filter(([name]) => /neuron\d?\.weight/.test(name))
          .map(([name, { shape }]) => [name, shape]),
      ).toEqual([
        ["unit0.neuron.weight", [3, 3]],
        ["block0.a.neuron.weight", [3, 3]],
        ["block0.b.neuron.weight", [3, 3]],
        ["unit1.neuron.weight", [3, 3]],
        ["neuron0.weight", [2]],
      ]);
    }));

  it.each([0, 1.5])("refuses %s steps", (steps) =>
    expect(() => network("FC3", { ...small, steps })).toThrow(
      new RangeError(`network: steps must be an integer of at least 1, got ${steps}`),
    ),
  );

  it("leaves memory as it was where it refuses, however much comes before the error", () => {
    const before = memory().numTensors;
    expect(() => network("c4-BN-PLIF-{SEW-MPk2}*3-SEW-MPk2", small)).toThrow(RangeError);
    expect(memory().numTensors).toBe(before);
  });
});

describe("network with names of one's own", () => {
  it("makes the neurons of that name, told of the channels that each layer gets", () => {
    const told: [name: string, channels: number][] = [];
    const kind = (name: string) => (channels: number) => {
      told.push([name, channels]);
      return neurons(lif, { vThreshold: learnable(1, "channel") })(channels);
    };
    const own = { MINE: kind("MINE"), "Two words 2": kind("Two words 2") };
    const net = network("c4-BN-MINE-SEW-MPk2-c6-Two words 2-Spiking Block(c6)-FC10-MINE", { ...small, neurons: own });
    expect(told).toEqual([
      ...[4, 4, 4].map((channels) => ["MINE", channels]),
      ...[6, 6, 6].map((channels) => ["Two words 2", channels]),
      ["MINE", 10],
    ]);
    const shapes = [...namedParameters(net)].flatMap(([name, { shape }]) => (name.endsWith("vThreshold") ? shape : []));
    expect(shapes).toEqual([4, 4, 4, 6, 6, 6, 10]);
  });

  it("makes the blocks of that name, with the channels and the neurons of their place and the options of all", () => {
    const told: unknown[] = [];
    const kind =
      (name: string): BlockFactory =>
      ({ channels, neurons, zeroInit, recompute }) => {
        told.push([name, channels, neurons, zeroInit, recompute]);
        return { forward: (x) => x };
      };
    const [a, b] = [neurons(lif), neurons(plif)];
    const net = network("c4-BN-A-{Mine(c4)}*2-c6-BN-IF-B-Mine AND Block(c6)-Mine Block-SEW", {
      ...small,
      zeroInit: true,
      recompute: true,
      neurons: { A: a, B: b },
      blocks: { Mine: kind("Mine"), "Mine AND": kind("Mine AND") },
    });
    expect(told).toEqual([
      ["Mine", 4, a, true, true],
      ["Mine", 4, a, true, true],
      ["Mine AND", 6, b, true, true],
      ["Mine", 6, b, true, true],
    ]);
    expect(namesOf(net.children.block4!)).toEqual(["a", "b"]);
  });

  it("is computed by them", () =>
    scoped(() => {
      const all: ActivationFactory = () => ({ forward: (x) => onesLike(x) });
      const half: BlockFactory = () => ({ forward: (x) => mul(x, 0.5) });
      const options = { ...small, neurons: { ALL: all }, blocks: { Half: half } };
      const y = run(network("c4-BN-ALL-{Half}*2", options), zeros([2, 1, 8, 8, 2]), evaluation);
      expect(new Set(read(y))).toEqual(new Set([0.25]));
    }));

  it.each([
    ["neurons", "MIEN", "MINE"],
    ["neurons", "mine", "MINE"],
    ["neurons", "Reso nator2", "Resonator2"],
    ["blocks", "Gatd(c8)", "Gated(c8)"],
    ["blocks", "gated blok", "Gated Block"],
    ["blocks", "Gated ADD Block (c8)", undefined],
  ])("suggests them, too, for a typo: %s %j was meant as %j", (_, text, meant) => {
    const factory = neurons(lif);
    const options = {
      ...small,
      neurons: { MINE: factory, Resonator2: factory },
      blocks: { Gated: plainBlock, "Gated ADD": plainBlock },
    };
    const notation = `c8-BN-IF-${text}`;
    if (meant === undefined) expect(namesOf(network(notation, options))).toEqual(["unit0", "block0"]);
    else {
      expect(() => network(notation, options)).toThrow(
        `got ${JSON.stringify(text)} at offset 9; did you mean ${JSON.stringify(meant)}?\n`,
      );
      expect(() => network(notation, small)).not.toThrow(`did you mean ${JSON.stringify(meant)}?`);
    }
  });

  it("suggests no name that there is not, where names differ by their numbers", () => {
    const factory = neurons(lif);
    expect(() => network("FC3-A3", { ...small, neurons: { A1: factory, A2: factory } })).toThrow(
      'got "A3" at offset 4; did you mean "A1"?\n',
    );
  });

  it.each([
    ...["", " MINE", "MINE ", "MY  OWN", "MY\nOWN", "2IF", "MY-OWN", "{IF}*2", "IF(c4)", "A.B", "Ä"],
    ...["BN", "DP", "c32", "c 4 k 3 p 0", "FC10", "MPk2", "AP k 2 s 2"],
    "SEW Block",
    "SEW ADD Block",
  ])("refuses the name %j, of neurons and of blocks", (name) => {
    const refused = (kind: string) =>
      new RangeError(
        `network: a name of ${kind} must be words of letters and digits that no other item has, got ${JSON.stringify(name)}`,
      );
    expect(() => network("FC3", { ...small, neurons: { [name]: neurons(lif) } })).toThrow(refused("neurons"));
    expect(() => network("FC3", { ...small, blocks: { [name]: plainBlock } })).toThrow(refused("blocks"));
  });

  it("refuses a name of neurons that a block has, and one of a block that neurons have", () => {
    const must = "must be words of letters and digits that no other item has";
    const factory = neurons(lif);
    const refusals: [Pick<NetworkOptions, "neurons" | "blocks">, string][] = [
      [{ neurons: { SEW: factory } }, `network: a name of neurons ${must}, got "SEW"`],
      [{ neurons: { "SEW ADD": factory } }, `network: a name of neurons ${must}, got "SEW ADD"`],
      [{ blocks: { PLIF: plainBlock } }, `network: a name of blocks ${must}, got "PLIF"`],
      [{ blocks: { ReLU: plainBlock } }, `network: a name of blocks ${must}, got "ReLU"`],
      [{ neurons: { Own: factory }, blocks: { Own: plainBlock } }, `network: a name of neurons ${must}, got "Own"`],
      [
        { neurons: { "Own Block": factory }, blocks: { Own: plainBlock } },
        `network: a name of neurons ${must}, got "Own Block"`,
      ],
    ];
    for (const [options, message] of refusals) {
      expect(() => network("FC3", { ...small, ...options })).toThrow(new RangeError(message));
    }
  });

  it("takes a name that only begins or ends like another, in any order", () => {
    const factory = neurons(lif);
    const own = { PLIFX: factory, XPLIF: factory, "PLIF 2": factory, IFs: factory };
    const notation = "c4-BN-PLIFX-XPLIF-PLIF 2-IFs-PLIF-SEW 2(c4)-SEW ADD 2 Block-SEWs-Block(c4)";
    const blocks = { "SEW 2": plainBlock, "SEW ADD 2": plainBlock, SEWs: plainBlock, Block: plainBlock };
    expect(namesOf(network(notation, { ...small, neurons: own, blocks }))).toEqual([
      ...["unit0", "neuron0", "neuron1", "neuron2", "neuron3", "block0", "block1", "block2", "block3"],
    ]);
  });
});

describeBackends("network", (backend) => {
  it.each([
    { notation: "FC3", shape: [2, 1, 3] },
    { notation: "c4", shape: [2, 1, 9, 13, 4] },
    { notation: "c4k4", shape: [2, 1, 10, 14, 4] },
    { notation: "c4k5s2p0", shape: [2, 1, 3, 5, 4] },
    { notation: "MPk4", shape: [2, 1, 2, 3, 2] },
    { notation: "APk3s1", shape: [2, 1, 7, 11, 2] },
    { notation: "c4-BN-IF-SEW-MPk2-Plain(c4)", shape: [2, 1, 4, 6, 4] },
    { notation: "DP-MPk2-FC20-IF-APk10s10", shape: [2, 1, 2] },
  ])("$notation makes $shape of 9 x 13 frames", ({ notation, shape }) =>
    scoped(() => {
      const net = network(notation, { height: 9, width: 13 });
      expect(run(net, zeros([2, 1, 9, 13, 2]), evaluation).shape).toEqual(shape);
    }),
  );

  it("knows the size of what reaches the linear layer", () =>
    fc.assert(
      fc.property(sizes, sizes, fc.array(layers, { maxLength: 4 }), (height, width, parts) =>
        scoped(() => {
          let net: Module;
          try {
            net = network([...parts, "FC2"].join("-"), { height, width, inChannels: 3 });
          } catch (error) {
            expect((error as Error).message).toMatch(/^network: height and width must leave/);
            return;
          }
          expect(run(net, zeros([1, 1, height, width, 3]), evaluation).shape).toEqual([1, 1, 2]);
          disposeModule(net);
        }),
      ),
      { numRuns: backend === "cpu" ? 30 : 60 },
    ));

  it("drops features with the chance of the options", () =>
    scoped(() => {
      const share = (options: object) => {
        const y = read(
          run(network("DP", { ...small, ...options }), ones([1, 4, 8, 8, 2]), { training: true, seed: 1 }),
        );
        return y.filter((value) => value === 0).length / y.length;
      };
      expect(share({})).toBeCloseTo(0.5, 1);
      expect(share({ dropout: 0.1 })).toBeCloseTo(0.1, 1);
      expect(share({ dropout: 0 })).toBe(0);
    }));

  it("begins at the seed alone, and no two of its layers alike", () =>
    scoped(() => {
      const weights = (seed: number, name: string) =>
        read(namedParameters(network("c4-BN-IF-{SEW}*2", { ...small, seed })).get(`${name}.conv.weight`)!);
      expect(weights(1, "block0.a")).toEqual(weights(1, "block0.a"));
      expect(weights(1, "block0.a")).not.toEqual(weights(2, "block0.a"));
      expect(weights(1, "block0.a")).not.toEqual(weights(1, "block1.a"));
    }));

  it("shows every neuron layer's spikes to an observer", () =>
    scoped(() => {
      const net = network("c4-BN-PLIF-{SEW(c4)-MPk2}*2-FC3", small);
      const names = new Map([...namedModules(net)].map(([name, module]) => [module, name]));
      const seen: string[] = [];
      run(net, spikesOfShape([2, 1, 8, 8, 2]), { training: true, observe: (module) => seen.push(names.get(module)!) });
      expect(seen.filter((name) => name.endsWith("neuron"))).toEqual(
        ["unit0", "block0.a", "block0.b", "block1.a", "block1.b"].map((unit) => `${unit}.neuron`),
      );
    }));
});

const sizes = fc.integer({ min: 1, max: 12 });
const layers = fc.oneof(
  fc
    .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 2 }))
    .map(([k, s, p]) => `c2k${k}s${s}p${p}`),
  fc
    .tuple(fc.constantFrom("MP", "AP"), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }))
    .map(([pool, k, s]) => `${pool}k${k}s${s}`),
  fc.constant("IF-SEW"),
);

describe("network's checks", () => {
  it.each([
    ["BN", 0, 'BN must follow a convolution, got "BN"'],
    ["c4-PLIF-BN", 8, 'BN must follow a convolution, got "BN"'],
    ["c4-BN-BN", 6, 'BN must follow a convolution, got "BN"'],
    ["c4-BN-SEW", 6, 'a block must have neurons before it, whose kind it takes, got "SEW"', "put c32-BN-PLIF first"],
    ["c4-BN-PLIF-SEW(c8)", 11, "a block must have the 4 channels of its input, got 8", "put c8k3s1-BN-PLIF before it"],
    ["FC4-c4", 4, 'what needs rows and columns must come before the first FC, got "c4"'],
    ["FC4-IF-Spiking", 7, 'what needs rows and columns must come before the first FC, got "Spiking"'],
    ["FC4-MPk2", 4, 'what needs rows and columns must come before the first FC, got "MPk2"'],
    ["FC4-APk2s1", 4, "voting must have a stride of its size, got k2s1"],
    ["FC4-APk3", 4, "voting must divide the 4 features, got k3"],
    ["FC4-APk2-IF", 4, 'voting must come last, got "APk2"'],
    [
      "{MPk2}*4",
      1,
      'height and width must leave 2 x 2 for "MPk2", got 1 x 1 there',
      "give larger frames or fewer poolings",
    ],
    [
      "MPk2-c4k7p1",
      5,
      'height and width must leave 7 x 7 for "c4k7p1", got 4 x 4 there',
      "give larger frames or fewer poolings",
    ],
    ["FC1000000-FC1000000", 10, "the network must have at most 268435456 weights, got 1000128000000"],
    ["c1-c4k3p1000000", 3, "a layer must have at most 268435456 outputs, got 2000006 x 2000006 x 4 there"],
  ])("refuses %j at offset %i", (notation, offset, problem, remedy = "") => {
    const hint = remedy && `; ${remedy}`;
    const shown = `network: ${problem} at offset ${offset}${hint}\n  ${notation}\n  ${" ".repeat(offset)}^`;
    expect(() => network(notation, small)).toThrow(new RangeError(shown));
  });

  it.each([
    [{ height: 0 }, "height must be an integer of at least 1, got 0"],
    [{ width: 1.5 }, "width must be an integer of at least 1, got 1.5"],
    [{ inChannels: Number.NaN }, "inChannels must be an integer of at least 1, got NaN"],
    [{ height: null as never }, "height must be an integer of at least 1, got null"],
    [{ width: "8" as never }, 'width must be an integer of at least 1, got "8"'],
    [{ height: 1e12 }, "height must be at most 268435456, got 1000000000000"],
    [
      { height: 2 ** 20, width: 2 ** 20 },
      "height x width x inChannels must be at most 268435456, got 1048576 x 1048576 x 2",
    ],
    [{ dropout: 1 }, "dropout must be at least 0 and below 1, got 1"],
    [{ dropout: Number.NaN }, "dropout must be at least 0 and below 1, got NaN"],
    [{ dropout: null as never }, "dropout must be at least 0 and below 1, got null"],
    [{ seed: 0.5 }, "seed must be an integer, got 0.5"],
  ])("refuses %j", (options, message) =>
    expect(() => network("FC3", { ...small, ...options })).toThrow(new RangeError(`network: ${message}`)),
  );

  it.each([undefined, null, 7, {}])("refuses %o in the place of a notation", (notation) =>
    expect(() => network(notation as unknown as string, small)).toThrow(
      `network: notation must be a text such as "c32k3s1-BN-PLIF-FC10", got ${notation instanceof Object ? "an object" : notation}`,
    ),
  );

  it("refuses frames of other sizes than it was made for, when it is called", () =>
    scoped(() =>
      expect(() => run(network("MPk2-FC3", small), zeros([1, 1, 16, 16, 2]), evaluation)).toThrow(
        new RangeError("linear: x must be [T, N, 32], got [1,1,128]"),
      ),
    ));
});

describe("any string", () => {
  const built = (notation: string) => {
    const before = memory().numTensors;
    try {
      disposeModule(
        network(notation, { ...small, blocks: { SEW: plainBlock }, neurons: { PLIF: neurons(integrateAndFire) } }),
      );
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
      const [message, line, caret, ...rest] = (error as Error).message.split("\n");
      expect(message).toMatch(/^network: .* must .*, got .* at offset \d+/);
      expect([line!.length <= 102, /^ +\^$/.test(caret!), rest]).toEqual([true, true, []]);
    }
    expect(memory().numTensors).toBe(before);
  };

  it("is a network or is refused with its place, whatever it holds", () =>
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 60 }), built), { numRuns: 500 }));

  /** Pieces of the notation, in any order. */
  const pieces = fc.oneof(
    fc.constantFrom(..."-{}*()ckps ", "}*2", "}*3-", "-", "-", "BN", "DP", "-IF-", "-SEW", "Block", "MPk2", "APk2s2"),
    fc.constantFrom("c4-BN-IF-", "c2k1-", "FC4", "-FC3-", "SEW(c4)-", "PLIF"),
    fc.oneof(fc.integer({ min: 0, max: 9 }), fc.bigInt({ min: 0n, max: 10n ** 30n })).map(String),
  );

  it("is a network or is refused with its place, where it is nearly one", () =>
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 14 }), (parts) => built(parts.join(""))),
      { numRuns: 1000 },
    ));

  it("is refused at once where it repeats beyond measure", () => {
    const start = performance.now();
    built(`${"{".repeat(200)}FC3${"}*1000000".repeat(200)}`);
    built(`${" ".repeat(100_000)}c4${" ".repeat(100_000)}x`);
    built("FC3-".repeat(100_000));
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
