import { gradientNorms, gradientNormsPerSample } from "@sew/analysis";
import { describeBackends } from "@sew/kernels/testing";
import { disposeModule, flatten, type Module, namedBuffers, neurons } from "@sew/layers";
import { network } from "@sew/models";
import { lif } from "@sew/neurons";
import { memory, mul, ones, randomUniform, type Scalar, slice, sum, type Tensor } from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";

const squares = (scores: Tensor): Scalar => sum(mul(scores, scores));
const net = (notation: string, zeroInit = true): Module =>
  network(notation, { height: 4, width: 4, zeroInit, seed: 1 });
const input = () => randomUniform([4, 2, 4, 4, 2], 0, 3, "float32", 1);

describeBackends("gradientNorms", () => {
  it.each(["SEW ADD", "SEW IAND"])("are the same for all blocks that are identities: %s (Eq. 11)", async (block) => {
    const [model, x] = [net(`c4-BN-IF-{${block}}*5-FC3`), input()];
    const norms = Object.values(await gradientNorms(model, x, squares));
    expect(norms).toHaveLength(5);
    expect(norms[0]).toBeGreaterThan(0);
    for (const norm of norms) expect(norm).toBeCloseTo(norms[0]!, 4);
    disposeModule(model);
    x.dispose();
  });

  it("fall from block to block of Spiking ResNet whose neurons are LIF (Eq. 8)", async () => {
    const model = network("c4-BN-LIF-{Spiking}*5-FC3", {
      height: 4,
      width: 4,
      zeroInit: true,
      neurons: { LIF: neurons(lif) },
    });
    const x = input();
    const norms = Object.values(await gradientNorms(model, x, squares));
    for (const [i, norm] of norms.slice(1).entries()) expect(norms[i]!).toBeLessThan(norm);
    disposeModule(model);
    x.dispose();
  });

  it("is that of the loss by the block's output, worked by hand", async () => {
    // The block is the identity and 32 features are summed: every one of 4 · 2 · 4 · 4 · 4 values has the gradient 1.
    const model = net("c4-BN-IF-SEW");
    const x = input();
    const { block0 } = await gradientNorms(model, x, (output) => sum(output));
    expect(block0).toBeCloseTo(Math.sqrt(4 * 2 * 4 * 4 * 4), 3);
    disposeModule(model);
    x.dispose();
  });

  it("is made of those of the samples, each of which has its own", async () => {
    const model = net("c4-BN-IF-{SEW}*2-FC3");
    const x = randomUniform([4, 3, 4, 4, 2], 0, 3, "float32", 2);
    const norms = await gradientNorms(model, x, squares);
    const perSample = await gradientNormsPerSample(model, x, squares);
    for (const [block, norm] of Object.entries(norms)) expect(Math.hypot(...perSample[block]!)).toBeCloseTo(norm, 4);
    // A loss of the first sample alone: no gradient reaches the others past the block that is an identity.
    const first = await gradientNormsPerSample(model, x, (scores) => squares(slice(scores, [0, 0, 0], [-1, 1, -1])));
    expect(first.block1!.map((norm) => norm > 0)).toEqual([true, false, false]);
    disposeModule(model);
    x.dispose();
  });

  it("leaves running statistics and memory as they were", async () => {
    const [model, x] = [net("c4-BN-IF-{SEW}*2-FC3", false), input()];
    const values = () => [...namedBuffers(model).values()].map((buffer) => [...buffer.dataSync()]);
    const [before, tensors] = [values(), memory().numTensors];
    await gradientNorms(model, x, squares);
    expect([values(), memory().numTensors]).toEqual([before, tensors]);
    disposeModule(model);
    x.dispose();
  });

  it("are those of the modules that are asked for", async () => {
    const [model, x] = [net("c4-ReLU-FC3"), input()];
    const norms = await gradientNorms(model, x, squares, { paths: ["neuron0"] });
    expect(Object.keys(norms)).toEqual(["neuron0"]);
    await expect(gradientNorms(model, x, squares, { paths: ["neuron1"] })).rejects.toThrow(
      new RangeError('gradientNorms: paths must name modules, got "neuron1"'),
    );
    disposeModule(model);
    x.dispose();
  });

  it("refuses a model without blocks", async () => {
    const x = ones([1, 1, 2]);
    await expect(gradientNorms(flatten(), x, squares)).rejects.toThrow(
      new RangeError("gradientNorms: model must have a block, got none"),
    );
    await expect(gradientNormsPerSample(flatten(), x, squares)).rejects.toThrow(
      new RangeError("gradientNormsPerSample: model must have a block, got none"),
    );
    x.dispose();
  });
});
