import { unavailable, use } from "@sew/kernels/testing";
import { families, network, resNet } from "@sew/models";
import { momentum, optimizer as optimizerOf, trainStep } from "@sew/training";
import { getKernelsForBackend, ones, profile, setBackend, tidy } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { breakdown, partOf, parts } from "../src/breakdown.js";

const sevenB = () => network("c32k3s1-BN-PLIF-{SEW Block(c32)-MPk2s2}*2-FC3", { height: 8, width: 8 });
const ofImages = () => resNet(18, { ...families["sew-add"], classes: 3, inChannels: 2 });

describe.skipIf(unavailable("native") !== undefined)("where the time goes", () => {
  beforeAll(() => use("native"));
  afterAll(() => setBackend("cpu"));

  const stepOf = (net: ReturnType<typeof sevenB>, size: number) => {
    const optimizer = optimizerOf(net, momentum());
    const shape = [2, 1, size, size, 2];
    const x = new Float32Array(shape.reduce((a, b) => a * b)).fill(1);
    return (call: number) =>
      trainStep(net, optimizer, { x, shape, labels: Int32Array.of(1) }, { learningRate: 0.001, seed: call });
  };

  it.each([
    { name: "7B-Net's kind", make: sevenB, size: 8 },
    { name: "the ResNets", make: ofImages, size: 32 },
  ])("tells every kernel of a training step of $name that computes layers from the rest", async ({ make, size }) => {
    const step = stepOf(make(), size);
    const { kernelNames } = await profile(async () => {
      await step(0);
      return [];
    });
    const inPart = (part: (typeof parts)[number]) => [...new Set(kernelNames.filter((name) => partOf(name) === part))];
    expect(inPart("conv forward")).toEqual(["Conv2D"]);
    expect(inPart("input gradient")).toEqual(["Conv2DBackpropInput"]);
    expect(inPart("filter gradient")).toEqual(["Conv2DBackpropFilter"]);
    expect(inPart("norm + neuron").sort()).toEqual(["MoveStatistics", "NormNeuronGrad", "NormNeuronTraining"]);
    expect(inPart("rest").filter((name) => /conv|norm|neuron|statistics/i.test(name))).toEqual([]);
  });

  it("knows every kernel of convolution, norm and neurons that the backend has", () => {
    const names = getKernelsForBackend("native").map(({ kernelName }) => kernelName);
    const layers = names.filter((name) => /^(Fused)?Conv2D|BatchNorm|Neuron|Statistics/.test(name));
    // No network here runs it: it is the inference graph's.
    expect(layers.filter((name) => partOf(name) === "rest")).toEqual(["FusedConv2D"]);
  });

  it("is all there: parts that add up, none of them negative, and kernels as before", async () => {
    const kernels = () => getKernelsForBackend("native").map(({ kernelFunc }) => kernelFunc);
    const before = kernels();
    const step = stepOf(sevenB(), 8);
    const start = performance.now();
    const found = await breakdown(step, 1);
    const most = (performance.now() - start) / 1000;
    expect(Object.keys(found)).toEqual(parts);
    for (const part of parts) expect(found[part]).toBeGreaterThan(0);
    expect(found.JavaScript).toBeLessThan(most);
    expect(parts.reduce((sum, part) => sum + found[part], 0)).toBeLessThanOrEqual(most);
    expect(kernels()).toEqual(before);
  });

  it("counts as JavaScript what no kernel of the addon computes, and not what is waited for", async () => {
    const times = [5000, 6000];
    vi.spyOn(performance, "now").mockImplementation(() => times.shift()!);
    vi.spyOn(performance, "eventLoopUtilization").mockReturnValue({ idle: 300, active: 700, utilization: 0.7 });
    const found = await breakdown(() => {}, 1);
    vi.restoreAllMocks();
    expect(found).toEqual({ ...found, JavaScript: 0.7, "conv forward": 0, rest: 0 });
  });

  it("leaves the kernels as before also after a step that fails", async () => {
    const kernels = () => getKernelsForBackend("native").map(({ kernelFunc }) => kernelFunc);
    const before = kernels();
    const failing = () =>
      tidy(() => {
        ones([2]);
        throw new Error("no more");
      });
    await expect(breakdown(failing, 1)).rejects.toThrow("no more");
    expect(kernels()).toEqual(before);
  });
});
