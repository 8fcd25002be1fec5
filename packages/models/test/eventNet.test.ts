import { plainBlock, spikingBlock } from "@sew/blocks";
import { countParameters, evaluation, ifNeurons, namedBuffers, namedModules, namedParameters, run } from "@sew/layers";
import { eventNet, sevenBNet, wideSevenBNet } from "@sew/models";
import { describeBackends, describeModule, read, scoped, spikesOfShape } from "@sew/testing";
import { zeros } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";

const small = { classes: 3, height: 8, width: 8 };

describeModule("eventNet", {
  make: () =>
    eventNet(
      [
        { channels: 4, blocks: 1 },
        { channels: 6, blocks: 1 },
      ],
      small,
    ),
  input: [3, 2, 8, 8, 2],
  output: [3, 2, 3],
  timeless: false,
});

describe("the paper's networks", () => {
  const gesture = { classes: 11, height: 128, width: 128 };
  const cifar = { classes: 10, height: 128, width: 128 };

  it.each([
    { name: "7B-Net", make: () => sevenBNet(gesture), parameters: 130_938 },
    {
      name: "7B-Net with the code's 1x1 stem",
      make: () => sevenBNet({ ...gesture, stemKernel: 1 }),
      parameters: 130_426,
    },
    {
      name: "Wide-7B-Net with the code's 1x1 stems",
      make: () => wideSevenBNet({ ...cifar, stemKernel: 1 }),
      parameters: 1_192_218,
    },
    { name: "Wide-7B-Net", make: () => wideSevenBNet(cifar), parameters: 1_258_778 },
    {
      name: "7B-Net of Spiking blocks",
      make: () => sevenBNet({ ...gesture, block: spikingBlock }),
      parameters: 130_938,
    },
    { name: "7B-Net of Plain blocks", make: () => sevenBNet({ ...gesture, block: plainBlock }), parameters: 130_938 },
    {
      name: "7B-Net of IF neurons",
      make: () => sevenBNet({ ...gesture, neurons: ifNeurons() }),
      parameters: 130_938 - 15,
    },
  ])("$name has $parameters parameters", ({ make, parameters }) => expect(countParameters(make())).toBe(parameters));

  it("7B-Net reads c32k3s1-BN-PLIF-{SEW Block(c32)-MPk2s2}*7-FC11", () => {
    const net = sevenBNet(gesture);
    expect(Object.keys(net.children!)).toEqual([
      "stem0",
      ...Array.from({ length: 7 }, (_, i) => [`block${i}`, `pool${i}`]).flat(),
      "flatten",
      "classifier",
    ]);
    expect(namedParameters(net).get("stem0.conv.weight")!.shape).toEqual([3, 3, 2, 32]);
    expect(namedParameters(net).get("classifier.weight")!.shape).toEqual([32, 11]);
  });

  it("Wide-7B-Net widens from 64 to 128 channels after 4 of its 7 blocks", () => {
    const net = wideSevenBNet(cifar);
    expect(Object.keys(net.children!)).toEqual([
      "stem0",
      ...[0, 1, 2, 3].flatMap((i) => [`block${i}`, `pool${i}`]),
      "stem1",
      ...[4, 5, 6].flatMap((i) => [`block${i}`, `pool${i}`]),
      "flatten",
      "classifier",
    ]);
    expect(namedParameters(net).get("stem1.conv.weight")!.shape).toEqual([3, 3, 64, 128]);
    expect(namedParameters(net).get("classifier.weight")!.shape).toEqual([128, 10]);
  });

  it("keeps its parameters' names, by which checkpoints know them", () =>
    expect([...namedParameters(eventNet([{ channels: 4, blocks: 1 }], small)).keys()]).toEqual([
      "stem0.conv.weight",
      "stem0.norm.weight",
      "stem0.norm.bias",
      "stem0.neuron.w",
      "block0.a.conv.weight",
      "block0.a.norm.weight",
      "block0.a.norm.bias",
      "block0.a.neuron.w",
      "block0.b.conv.weight",
      "block0.b.norm.weight",
      "block0.b.norm.bias",
      "block0.b.neuron.w",
      "classifier.weight",
      "classifier.bias",
    ]));

  it("keeps its buffers' names, too", () =>
    expect([...namedBuffers(eventNet([{ channels: 4, blocks: 1 }], small)).keys()]).toEqual([
      "stem0.norm.runningMean",
      "stem0.norm.runningVar",
      "block0.a.norm.runningMean",
      "block0.a.norm.runningVar",
      "block0.b.norm.runningMean",
      "block0.b.norm.runningVar",
    ]));
});

describeBackends("eventNet", () => {
  it.each([
    { height: 8, width: 8, features: 16 },
    { height: 9, width: 15, features: 24 },
    { height: 4, width: 4, features: 4 },
  ])("classifies frames of $height x $width from $features features", ({ height, width, features }) =>
    scoped(() => {
      const net = eventNet([{ channels: 4, blocks: 2 }], { classes: 5, height, width });
      expect(namedParameters(net).get("classifier.weight")!.shape).toEqual([features, 5]);
      expect(run(net, zeros([2, 1, height, width, 2]), evaluation).shape).toEqual([2, 1, 5]);
    }),
  );

  it("gives each of its neuron layers a w of its own", () => {
    const net = eventNet([{ channels: 4, blocks: 2 }], small);
    const ws = [...namedParameters(net)].filter(([name]) => name.endsWith(".w")).map(([, w]) => w);
    expect(ws).toHaveLength(5);
    expect(new Set(ws).size).toBe(5);
  });

  it("takes frames of other than 2 channels when told", () =>
    scoped(() => {
      const net = eventNet([{ channels: 4, blocks: 1 }], { ...small, inChannels: 3 });
      expect(run(net, zeros([1, 1, 8, 8, 3]), evaluation).shape).toEqual([1, 1, 3]);
    }));

  it("begins at the seed alone, and no two of its layers alike", () =>
    scoped(() => {
      const weights = (seed: number, name: string) =>
        read(namedParameters(eventNet([{ channels: 4, blocks: 2 }], { ...small, seed })).get(`${name}.conv.weight`)!);
      expect(weights(1, "block0.a")).toEqual(weights(1, "block0.a"));
      expect(weights(1, "block0.a")).not.toEqual(weights(2, "block0.a"));
      expect(weights(1, "block0.a")).not.toEqual(weights(1, "block1.a"));
    }));

  it("shows every neuron layer's spikes to an observer", () =>
    scoped(() => {
      const net = eventNet([{ channels: 4, blocks: 2 }], small);
      const names = new Map([...namedModules(net)].map(([name, module]) => [module, name]));
      const seen: string[] = [];
      run(net, spikesOfShape([2, 1, 8, 8, 2]), {
        training: true,
        observe: (module) => seen.push(names.get(module)!),
      });
      expect(seen.filter((name) => name.endsWith("neuron"))).toEqual([
        "stem0.neuron",
        "block0.a.neuron",
        "block0.b.neuron",
        "block1.a.neuron",
        "block1.b.neuron",
      ]);
    }));
});

describe("eventNet's check", () => {
  it.each([
    { height: 127, width: 128, make: sevenBNet, least: 128, pools: 7 },
    { height: 128, width: 64, make: wideSevenBNet, least: 128, pools: 7 },
  ])("refuses frames of $height x $width, which $pools poolings leave empty", ({ height, width, make, least, pools }) =>
    expect(() => make({ classes: 10, height, width })).toThrow(
      new RangeError(
        `eventNet: height and width must be at least ${least} for ${pools} poolings, got ${height} x ${width}`,
      ),
    ),
  );

  it("refuses frames of other sizes than it was made for, when it is called", () =>
    scoped(() => {
      const net = eventNet([{ channels: 4, blocks: 1 }], small);
      expect(() => run(net, zeros([1, 1, 16, 16, 2]), evaluation)).toThrow(
        new RangeError("linear: x must be [T, N, 64], got [1,1,256]"),
      );
    }));
});
