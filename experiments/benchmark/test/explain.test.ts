import { instructionSet, instructionSets, setBreakEvens, setInstructionSet, traceKernels } from "@sew/backend-native";
import { detach } from "@sew/kernels";
import { unavailable, use } from "@sew/kernels/testing";
import { conv2d, convNormNeuron, flatten, linear, type Module, neurons, run, sequential } from "@sew/layers";
import { families, network, resNet } from "@sew/models";
import { integrateAndFire, type MembraneParams, type NeuronModel } from "@sew/neurons";
import { momentum, optimizer as optimizerOf, trainStep } from "@sew/training";
import { add, getBackend, getKernel, max, mul, profile, setBackend, sub } from "@tensorflow/tfjs-core";
import { InvalidArgumentError } from "commander";
import * as fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type Explanation, explainStep } from "../src/explain/explainStep.js";
import { explanationLines } from "../src/explain/lines.js";
import { subjectOf } from "../src/explain/subject.js";
import { eventLike, type InputShape } from "../src/inputs.js";

const SHAPE: InputShape = [2, 2, 16, 16, 2];

/** Layers behind a first unit of 32 channels of spikes at 16x16. */
const behindSpikes = (layer: Module) =>
  sequential({
    stem: convNormNeuron(2, 32, neurons(integrateAndFire)),
    layer,
    neuron: neurons(integrateAndFire)(32),
    flatten: flatten(),
    classifier: linear(32 * 256, 3),
  });

const explained = (model: Module | string, shape = SHAPE): Promise<Explanation> => {
  const [steps, , height, width] = shape;
  const built = typeof model === "string" ? network(model, { steps, height, width }) : model;
  return explainStep(built, shape, eventLike(shape));
};

/** Where and what the explanation says with this text in it. */
const saying = ({ parts }: Explanation, text: string) =>
  parts
    .filter(({ reasons }) => reasons.some((reason) => reason.includes(text)))
    .map(({ layer, work }) => [layer, work]);

describe.skipIf(unavailable("native") !== undefined)("an explanation", () => {
  let used: string;
  beforeAll(async () => {
    await use("native");
    used = instructionSet();
    // The paths below are those of vectors.
    setInstructionSet(instructionSets().find((name) => !name.startsWith("amx"))!);
  });
  afterAll(async () => {
    setInstructionSet(used);
    await setBackend("cpu");
  });
  afterEach(() => {
    setBreakEvens(undefined);
    vi.restoreAllMocks();
  });

  it("has each of a convolution's three products and its norm and neurons under the layer's name", async () => {
    const { parts } = await explained("c32k3s1-BN-IF-SEW Block(c32)-MPk2s2-FC3");
    const of = (layer: string) => parts.filter((part) => part.layer === layer).map(({ work, path }) => [work, path]);
    expect(of("block0.a.conv")).toEqual(
      expect.arrayContaining([
        ["forward", expect.stringMatching(/^spikeConv2d \(event-driven /)],
        ["input gradient", "conv2dInputGrad (Winograd tiles)"],
        ["filter gradient", expect.stringMatching(/^spikeConv2dFilterGrad \(event-driven /)],
      ]),
    );
    expect(of("block0.a.neuron")).toEqual(
      expect.arrayContaining([
        // The convolution has taken the statistics. That of the frames has not.
        ["NormNeuronTraining", "normNeuron"],
        ["NormNeuronGrad", "normNeuronGrad"],
      ]),
    );
    expect(of("unit0.neuron")).toContainEqual(["NormNeuronTraining", "batchStatistics + normNeuron"]);
    expect(of("block0")).toContainEqual(["Add", "addSpikes"]);
    expect(of("pool0")).toEqual(
      expect.arrayContaining([
        ["MaxPool", "maxPool"],
        ["MaxPoolGrad", "maxPoolGrad"],
      ]),
    );
    expect(of("(update)")).toContainEqual(["ApplyMomentum", "applyMomentum"]);
  });

  it.each([
    ["c16k3s1-BN-IF-c32k3s1-BN-IF-FC3", "16 input channels are no multiple of 32", ["unit1.conv", "forward"]],
    ["c16k3s1-BN-IF-MPk2s2-FC3", "16 channels are no multiple of 32", ["pool0", "MaxPool"]],
    ["c32k3s1-BN-IF-c32k3s2-BN-IF-FC3", "only stride 1 has Winograd tiles", ["unit1.conv", "input gradient"]],
    ["c32k3s1-BN-IF-c32k1s1-BN-IF-FC3", "only 3x3 filters have Winograd tiles", ["unit1.conv", "input gradient"]],
    ["c32k3s1-BN-IF-{SEW Block(c32)}*2-FC3", "counts of 2 binary digits", ["block1.a.conv", "filter gradient"]],
    ["c32k3s1-BN-IF-DP-c32k3s1-BN-IF-FC3", "as that of a dropout is", ["dropout0", "Multiply"]],
    ["c32k3s1-BN-IF-DP-c32k3s1-BN-IF-FC3", "Multiply made it", ["unit1.conv", "forward"]],
    ["c32k3s1-BN-IF-APk2s2-c32k3s1-BN-IF-FC3", "it unpacks 32768 bits", ["pool0", "AvgPool"]],
    ["c32k3s1-BN-IF-Spiking Block(c32)-FC3", "no neurons read this norm alone", ["block0.b.norm", "BatchNormTraining"]],
    ["c32k3s1-BN-IF-Spiking Block(c32)-FC3", "the sum is float32", ["block0", "Add"]],
    ["c32k3s1-BN-ReLU-c32k3s1-BN-ReLU-FC3", "Relu made it", ["unit1.conv", "forward"]],
    ["c32k3s1-BN-IF-FC3", "nothing before this layer needs a gradient", ["unit0.conv", "input gradient"]],
  ])("of %s says: %s", async (notation, text, place) =>
    expect(saying(await explained(notation), text)).toContainEqual(place),
  );

  it("has the products of its convolutions", async () => {
    const { paths } = await explained("c32k3s1-BN-IF-FC3");
    const [steps, batch, height, width, channels] = SHAPE;
    const products = steps * batch * height * width * 9 * channels * 32;
    // Forward and the filter's gradient.
    expect(paths.map(({ name, operations }) => [name, operations])).toEqual([
      ["direct", products],
      ["direct", products],
    ]);
  });

  it("has those of all parts of a number on a matrix unit", async () => {
    const vectors = instructionSet();
    try {
      setInstructionSet("amx-emulated");
      const { paths } = await explained("c32k3s1-BN-IF-FC3");
      expect(paths.map(({ name }) => name)).toContain("matrix unit, numbers in three parts of bfloat16");
    } finally {
      setInstructionSet(vectors);
    }
  });

  it("tells densities above the break-even", async () => {
    setBreakEvens(0);
    const found = saying(await explained("c32k3s1-BN-IF-c32k3s1-BN-IF-FC3"), "above the break-even 0 of");
    expect(found).toEqual([
      ["unit1.conv", "forward"],
      ["unit1.conv", "filter gradient"],
    ]);
  });

  it.each([
    { option: { groups: 2 }, text: "its 2 groups are convolved apart; use groups: 1" },
    { option: { groups: 32 }, text: "there is no C++ kernel of DepthwiseConv2dNative" },
    { option: { dilation: 2 }, text: "its dilation of 2 fills the filter with zeros" },
  ])("tells what $option costs", async ({ option, text }) =>
    expect(saying(await explained(behindSpikes(conv2d(32, 32, option))), text)).toContainEqual(["layer", "forward"]),
  );

  it("tells what a detached layer has no gradient of", async () => {
    const inner = conv2d(32, 32);
    const layer: Module = { children: { inner }, forward: (x, context) => detach(run(inner, x, context)) };
    expect(saying(await explained(behindSpikes(layer)), "no gradient reaches the weight")).toEqual([
      ["stem.conv", "filter gradient"],
      ["layer.inner", "filter gradient"],
    ]);
  });

  it("quotes why composed operations run a neuron", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const coupled: NeuronModel<MembraneParams, "v"> = {
      ...integrateAndFire,
      name: "coupled",
      charge: ({ v }, x) => ({ v: add(sub(v, max(v)), x) }) as never,
    };
    const model = sequential({
      unit: convNormNeuron(2, 32, neurons(coupled)),
      flatten: flatten(),
      classifier: linear(32 * 256, 3),
    });
    const [place] = saying(await explained(model), "composed operations run the neuron: coupled: ");
    expect(place?.[0]).toBe("unit.neuron");
  });

  it("tells td-BN's norms and the shortcuts of downsample blocks", async () => {
    const model = resNet(18, { ...families["td-bn"], classes: 3, inChannels: 2 });
    const places = saying(await explained(model, [1, 2, 32, 32, 2]), "no neurons read this norm alone");
    expect(places).toContainEqual(["stage2.block0.b.norm", "BatchNormTraining"]);
    expect(places).toContainEqual(["stage2.block0.shortcut.norm", "BatchNormTraining"]);
  });

  it("holds every kernel of a step, by its name, and no other", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("c32k3s1-BN-IF", "SEW", "Spiking", "SEW AND", "MPk2s2", "c32k1s1-BN-LIF", "DP"), {
          maxLength: 4,
        }),
        async (items) => {
          const notation = ["c32k3s1-BN-PLIF", ...items, "FC3"].join("-");
          const model = network(notation, { height: 16, width: 16 });
          const { parts } = await explained(model);
          const optimizer = optimizerOf(model, momentum());
          const batch = { x: eventLike(SHAPE), shape: SHAPE, labels: new Int32Array(2) };
          const step = () => trainStep(model, optimizer, batch, { learningRate: 0.001, seed: 3 });
          await step();
          const names: string[] = [];
          traceKernels(undefined);
          const { kernels } = await profile(async () => {
            await step();
            return [];
          });
          // TensorFlow.js lists the scopes of operations with a gradient of their own, too.
          for (const { name } of kernels) if (getKernel(name, getBackend()) !== undefined) names.push(name);
          expect(parts.flatMap((part) => part.kernels).sort()).toEqual(names.sort());
          optimizer.dispose();
        },
      ),
      { numRuns: 8 },
    ));

  it("names a path for each convolution that the called kernel has", () =>
    fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 1, noNaN: true }), async (breakEven) => {
        setBreakEvens(breakEven);
        const { parts } = await explained("c32k3s1-BN-IF-{SEW Block(c32)}*2-FC3");
        for (const { kernels, path, reasons } of parts.filter(({ work }) => work === "forward")) {
          expect(kernels).toEqual(["Conv2D"]);
          const isEventDriven = /\bspikeConv2d\b/.test(path);
          expect(/event-driven/.test(path)).toBe(isEventDriven);
          expect(reasons.some((reason) => /above the break-even|stored as float32/.test(reason))).toBe(!isEventDriven);
        }
      }),
      { numRuns: 5 },
    ));

  it("leaves no trace behind, also of a step that fails", async () => {
    const failing: Module = {
      forward() {
        throw new Error("no more");
      },
    };
    await expect(explained(sequential({ first: conv2d(2, 2), failing }))).rejects.toThrow("no more");
    const kernels: string[] = [];
    traceKernels(({ kernelName }) => kernels.push(kernelName));
    traceKernels(undefined);
    mul(1, 2).dispose();
    expect(kernels).toEqual([]);
  });
});

describe("the network that is explained", () => {
  it.each([
    ["8B-Net", "7B-Net"],
    ["sew-resnet18", "SEW-ResNet-18"],
    ["SEW-ResNet-35", "SEW-ResNet-34"],
  ])("is not %s, and nearest to it is %s", (text, nearest) =>
    expect(() => subjectOf(text)).toThrow(
      new InvalidArgumentError(
        "It must be in the paper's notation or one of 7B-Net, Wide-7B-Net, SEW-ResNet-18, SEW-ResNet-34, SEW-ResNet-50, " +
          `SEW-ResNet-101, SEW-ResNet-152. The nearest is ${nearest}.`,
      ),
    ),
  );

  it.each(["c32k3s1-BN-PLIF-{SEW Block(c32)-MPk2s2}*7-FC11", "PLIF-FC11", "c 32-XX", "SEW(c3"])(
    "is in notation where it has the syntax: %s",
    (text) => expect(subjectOf(text).network).toBe(text),
  );

  it.each(["wide-7b-net", "sew-RESNET-101"])("is found by its name in any case: %s", (text) =>
    expect(subjectOf(text).network.toLowerCase()).toBe(text.toLowerCase()),
  );
});

describe("the lines of an explanation", () => {
  const part = { layer: "a", work: "forward", path: "conv2d", kernels: ["Conv2D"], seconds: 0.5, reasons: ["slow"] };

  it("have reasons below their part, the rest together, what is between the kernels, and the least that products take", () =>
    expect(
      explanationLines(
        {
          seconds: 1,
          parts: [
            part,
            { ...part, layer: "b.c", work: "Add", path: "addSpikes", reasons: [] },
            { ...part, seconds: 0, reasons: [] },
          ],
        },
        0.25,
      ),
    ).toEqual([
      "a                               forward  conv2d      500.00 ms   50.0 %",
      "    slow",
      "b.c                             Add      addSpikes   500.00 ms   50.0 %",
      "1 other kernels                                        0.00 ms    0.0 %",
      "between kernels, in JavaScript                         0.00 ms    0.0 %",
      "training step                                       1000.00 ms  100.0 %",
      "its convolutions at the peak                         250.00 ms   25.0 %",
    ]));
});
