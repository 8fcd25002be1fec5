import { plainBlock, spikingBlock } from "@sew/blocks";
import { shown } from "@sew/kernels";
import { describeBackends, scoped } from "@sew/kernels/testing";
import {
  countParameters,
  disposeModule,
  evaluation,
  type Module,
  type NeuronLayer,
  namedModules,
  namedParameters,
  neurons,
  profile,
  run,
} from "@sew/layers";
import { cifar10Net, lifNet, network, plifNet, resNet, sevenBNet, wideSevenBNet } from "@sew/models";
import { integrateAndFire, lif } from "@sew/neurons";
import { zeros } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";

const size = { height: 128, width: 128 };
const gesture = { ...size, classes: 11 };
const cifarDvs = { ...size, classes: 10 };
const cifar = { height: 32, width: 32, classes: 10 };

/** Millions with as many decimals as the paper gives. */
const inMillions = (count: number, decimals: number) => Number((count / 1e6).toFixed(decimals));

describe("the paper's networks", () => {
  it.each<[name: string, parameters: number, make: () => Module, paper?: number, decimals?: number]>([
    ["7B-Net", 130_938, () => sevenBNet(gesture), 0.13, 2],
    ["7B-Net with the code's 1x1 stem", 130_426, () => sevenBNet({ ...gesture, stemKernel: 1 }), 0.13, 2],
    ["7B-Net of Spiking blocks", 130_938, () => sevenBNet({ ...gesture, block: spikingBlock })],
    ["7B-Net of Plain blocks", 130_938, () => sevenBNet({ ...gesture, block: plainBlock })],
    ["7B-Net of IF neurons", 130_938 - 15, () => sevenBNet({ ...gesture, neurons: neurons(integrateAndFire) })],
    ["Wide-7B-Net, 1x1 stems", 1_192_218, () => wideSevenBNet({ ...cifarDvs, stemKernel: 1 }), 1.19, 2],
    ["Wide-7B-Net", 1_258_778, () => wideSevenBNet(cifarDvs)],
    ["the CIFAR-10 net", 186_858, () => cifar10Net(cifar)],
    ["the PLIF net for gestures", 1_698_933, () => plifNet(gesture), 1.7, 2],
    ["the PLIF net for CIFAR10-DVS", 4_691_818, () => plifNet({ ...cifarDvs, stages: 4 })],
    ["the LIF net, with the paper's decimal point moved", 2_322_891, () => lifNet(gesture), 23.23 / 10, 2],
    ["ResNet-34", 21_797_672, () => resNet(34), 21.8, 1],
  ])("%s has %i parameters", (_, parameters, make, paper, decimals = 0) => {
    const net = make();
    expect(countParameters(net)).toBe(parameters);
    if (paper !== undefined) expect(inMillions(parameters, decimals)).toBe(inMillions(paper * 1e6, decimals));
    disposeModule(net);
  });

  it("has 17.4 M parameters in the PLIF net for CIFAR10-DVS with FC2048 in the place of FC512", () =>
    expect(countParameters(network("{c128k3s1-BN-PLIF-MPk2s2}*4-DP-FC2048-PLIF-DP-FC100-PLIF-APk10s10", size))).toBe(
      17_429_866,
    ));

  it.each([
    {
      net: () => sevenBNet(gesture),
      names: ["unit0", ...[0, 1, 2, 3, 4, 5, 6].flatMap((i) => [`block${i}`, `pool${i}`]), "flatten", "classifier"],
      weights: { "unit0.conv": [3, 3, 2, 32], classifier: [32, 11] },
    },
    {
      net: () => wideSevenBNet({ ...cifarDvs, stemKernel: 1 }),
      names: [
        ...["unit0", ...[0, 1, 2, 3].flatMap((i) => [`block${i}`, `pool${i}`])],
        ...["unit1", ...[4, 5, 6].flatMap((i) => [`block${i}`, `pool${i}`]), "flatten", "classifier"],
      ],
      weights: { "unit0.conv": [1, 1, 2, 64], "unit1.conv": [1, 1, 64, 128], classifier: [128, 10] },
    },
    {
      net: () => cifar10Net(cifar),
      names: [
        ...["unit0", ...[0, 1, 2, 3, 4].flatMap((i) => [`block${2 * i}`, `block${2 * i + 1}`, `pool${i}`])],
        ...["flatten", "classifier"],
      ],
      weights: { "unit0.conv": [3, 3, 3, 32], classifier: [32, 10] },
    },
    {
      net: () => plifNet({ ...cifarDvs, stages: 2, height: 8, width: 8 }),
      names: [
        ...["unit0", "pool0", "unit1", "pool1", "dropout0", "flatten", "linear0", "neuron0"],
        ...["dropout1", "classifier", "neuron1", "voting"],
      ],
      weights: { "unit1.conv": [3, 3, 128, 128], linear0: [512, 512], classifier: [512, 100] },
    },
    {
      net: () => lifNet({ ...gesture, height: 16, width: 16 }),
      names: [
        ...["pool0", "conv0", "neuron0", "conv1", "neuron1", "pool1", "conv2", "neuron2", "pool2"],
        ...["flatten", "linear0", "neuron3", "classifier"],
      ],
      weights: { conv0: [3, 3, 2, 64], conv2: [3, 3, 128, 128], linear0: [128, 256], classifier: [256, 11] },
    },
  ])("is made of $names", ({ net, names, weights }) => {
    const made = net();
    expect(Object.keys(made.children!)).toEqual(names);
    const found = namedParameters(made);
    for (const [name, shape] of Object.entries(weights)) expect(found.get(`${name}.weight`)!.shape).toEqual(shape);
  });

  it.each([
    { name: "sevenBNet", make: sevenBNet, layers: 15 },
    { name: "wideSevenBNet", make: wideSevenBNet, layers: 16 },
    { name: "cifar10Net", make: cifar10Net, layers: 21 },
    { name: "plifNet", make: plifNet, layers: 7 },
    { name: "lifNet", make: lifNet, layers: 4 },
  ])("$name takes neurons for all of its $layers layers of them", ({ make, layers }) => {
    const net = make({ ...gesture, neurons: neurons(lif, { tau: 3 }) });
    const spiking = [...namedModules(net)].flatMap(([, module]) => ("neuron" in module ? [module as NeuronLayer] : []));
    expect(spiking.map(({ neuron }) => neuron.params)).toEqual(
      Array.from({ length: layers }, () => expect.objectContaining({ tau: 3 })),
    );
  });

  it.each([
    { make: sevenBNet, height: 127, width: 128, left: "1 x 2" },
    { make: wideSevenBNet, height: 128, width: 64, left: "2 x 1" },
  ])("refuses frames of $height x $width, which 7 poolings leave empty", ({ make, height, width, left }) =>
    expect(() => make({ classes: 10, height, width })).toThrow(
      `network: height and width must leave 2 x 2 for "MPk2s2", got ${left} there at offset `,
    ),
  );
});

describeBackends("the paper's networks", (backend) => {
  // Half a gigaflop takes plain JavaScript a while.
  if (backend === "native") {
    it.each([
      { stemKernel: 1, macs: 403_677_536 },
      { stemKernel: 3, macs: 412_066_144 },
    ])("7B-Net with a stem of $stemKernel takes $macs multiply-accumulates for each step", ({ stemKernel, macs }) => {
      const layers = profile(sevenBNet({ ...gesture, stemKernel }), [1, 1, 128, 128, 2]);
      expect(layers.reduce((total, layer) => total + layer.macs, 0)).toBe(macs);
    });
  }

  it.each([
    { name: "cifar10Net", make: () => cifar10Net(cifar), input: [2, 1, 32, 32, 3], output: [2, 1, 10] },
    {
      name: "plifNet",
      make: () => plifNet({ classes: 3, height: 8, width: 8, stages: 2 }),
      input: [2, 1, 8, 8, 2],
      output: [2, 1, 3],
    },
    {
      name: "lifNet",
      make: () => lifNet({ classes: 3, height: 16, width: 16 }),
      input: [2, 1, 16, 16, 2],
      output: [2, 1, 3],
    },
  ])("$name classifies", ({ make, input, output }) =>
    scoped(() => {
      const net = make();
      expect(run(net, zeros(input), evaluation).shape).toEqual(output);
      disposeModule(net);
    }),
  );
});

describe("the sizes that a network writes into its notation", () => {
  const nets = { sevenBNet, wideSevenBNet, cifar10Net, plifNet, lifNet };
  it.each(
    Object.entries(nets).flatMap(([name, make]) =>
      ["classes", ...(/7|even/.test(name) ? ["stemKernel"] : []), ...(name === "plifNet" ? ["stages"] : [])].flatMap(
        (option) => [0, -1, 1.5, Number.NaN, null, "3-DP"].map((value) => ({ name, make, option, value })),
      ),
    ),
  )("refuses $option = $value in $name", ({ name, make, option, value }) =>
    expect(() => make({ ...gesture, [option]: value as number })).toThrow(
      new RangeError(`${name}: ${option} must be an integer of at least 1, got ${shown(value)}`),
    ),
  );
});
