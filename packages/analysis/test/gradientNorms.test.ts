import { attach, gradientNormProbe, gradientNorms, measure } from "@sew/analysis";
import { add, sewBlock } from "@sew/blocks";
import { describeBackends } from "@sew/kernels/testing";
import { disposeModule, flatten, type Module, namedBuffers, neurons, recomputed, run, sequential } from "@sew/layers";
import { network } from "@sew/models";
import { lif } from "@sew/neurons";
import {
  dispose,
  grad,
  memory,
  mul,
  ones,
  randomUniform,
  type Scalar,
  slice,
  sum,
  type Tensor,
} from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";

const squares = (scores: Tensor): Scalar => sum(mul(scores, scores));
const net = (notation: string, zeroInit = true): Module =>
  network(notation, { height: 4, width: 4, zeroInit, seed: 1 });
const input = () => randomUniform([4, 2, 4, 4, 2], 0, 3, "float32", 1);

describeBackends("gradientNorms", () => {
  it.each(["SEW ADD", "SEW IAND"])("are the same for all blocks that are identities: %s (Eq. 11)", async (block) => {
    const [model, x] = [net(`c4-BN-IF-{${block}}*5-FC3`), input()];
    const norms = Object.values(await gradientNorms(model, x, squares)).map(({ output }) => output.norm);
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
    const norms = Object.values(await gradientNorms(model, x, squares)).map(({ output }) => output.norm);
    for (const [i, norm] of norms.slice(1).entries()) expect(norms[i]!).toBeLessThan(norm);
    disposeModule(model);
    x.dispose();
  });

  it("is that of the loss by the block's output, worked by hand", async () => {
    // The block is the identity and 32 features are summed: every one of 4 · 2 · 4 · 4 · 4 values has the gradient 1.
    const model = net("c4-BN-IF-SEW");
    const x = input();
    const { block0 } = await gradientNorms(model, x, (output) => sum(output));
    expect(block0!.output.norm).toBeCloseTo(Math.sqrt(4 * 2 * 4 * 4 * 4), 3);
    expect(block0!.input!.norm).toBeCloseTo(Math.sqrt(4 * 2 * 4 * 4 * 4), 3);
    disposeModule(model);
    x.dispose();
  });

  it("is made of those of the samples, each of which has its own", async () => {
    const model = net("c4-BN-IF-{SEW}*2-FC3");
    const x = randomUniform([4, 3, 4, 4, 2], 0, 3, "float32", 2);
    const norms = await gradientNorms(model, x, squares);
    for (const { input, output } of Object.values(norms)) {
      for (const { norm, perSample } of [input!, output]) expect(Math.hypot(...perSample)).toBe(norm);
    }
    // A loss of the first sample alone: no gradient reaches the others past the block that is an identity.
    const first = await gradientNorms(model, x, (scores) => squares(slice(scores, [0, 0, 0], [-1, 1, -1])));
    expect(first.block1!.output.perSample.map((norm) => norm > 0)).toEqual([true, false, false]);
    disposeModule(model);
    x.dispose();
  });

  it("are those by the block's input and by its output, which the next block may take as it is", async () => {
    const model = net("c4-BN-LIF-{SEW}*2-APk2s2-SEW-FC3", false);
    const x = input();
    const { block0, block1, block2 } = await gradientNorms(model, x, squares);
    expect(block1!.input).toEqual(block0!.output);
    // A mean of 4 lies between these.
    expect(block1!.output.norm).toBeCloseTo(block2!.input!.norm / 2, 4);
    disposeModule(model);
    x.dispose();
  });

  it("are those that tfjs's gradient functions give, by input and output", async () => {
    const model = net("c4-BN-LIF-{SEW}*2-FC3", false);
    const x = input();
    const { block0, block1 } = await gradientNorms(model, x, squares);
    // The rest of the network as a function of S^l.
    const rest = (from: number) => (s: Tensor) => {
      const modules = Object.values(model.children!).slice(from);
      return squares(modules.reduce((y, module) => run(module, y, { training: true }), s));
    };
    const stem = run(model.children!.unit0!, x, { training: true });
    const after = run(model.children!.block0!, stem, { training: true });
    const norm = (t: Tensor) => Math.hypot(...t.dataSync());
    expect(block0!.input!.norm).toBeCloseTo(norm(grad(rest(1))(stem)), 3);
    expect(block0!.output.norm).toBeCloseTo(norm(grad(rest(2))(after)), 3);
    expect(block1!.output.norm).toBeGreaterThan(0);
    dispose([stem, after, x]);
    disposeModule(model);
  });

  it("are of the output alone where a block takes in the network's own input", async () => {
    const model = sequential({ block: sewBlock(add, { channels: 2, neurons: neurons(lif) }) });
    const x = input();
    const { block } = await gradientNorms(model, x, squares);
    expect(Object.keys(block!)).toEqual(["output"]);
    disposeModule(model);
    x.dispose();
  });

  it("are 0 where no gradient comes", async () => {
    const model = net("c4-BN-IF-{SEW}*2-FC3");
    const x = input();
    const probes = { norms: gradientNormProbe() };
    const { norms } = await measure(model, x, probes, { training: true, loss: (scores) => squares(mul(scores, 0)) });
    expect(Object.values(norms).map(({ output }) => output.norm)).toEqual([0, 0]);
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

  it("refuses to be read before a backward pass", async () => {
    const [model, x] = [net("c4-BN-IF-SEW-FC3"), input()];
    const attached = attach(model, { norms: gradientNormProbe() });
    run(model, x, { training: false, observe: attached.observe }).dispose();
    await expect(attached.read()).rejects.toThrow(
      new RangeError(
        "gradientNormProbe: there must be a backward pass before the norms are read, got none; pass observe to a training step",
      ),
    );
    await expect(measure(model, x, { norms: gradientNormProbe() })).rejects.toThrow(
      new RangeError("measure: loss must be a function of the output where gradients are measured, got none"),
    );
    disposeModule(model);
    x.dispose();
  });

  it.each(["one stage", "the whole network"])("refuses blocks inside a recomputed part: %s", async (part) => {
    const [model, x] = [net("c4-BN-IF-{SEW}*3-FC3", false), input()];
    const { unit0, block0, block1, ...after } = model.children as Record<string, Module>;
    const stage = recomputed(sequential({ block0: block0!, block1: block1! }));
    const staged = part === "one stage" ? sequential({ unit0: unit0!, stage, ...after }) : recomputed(model);
    const path = part === "one stage" ? "stage.block0" : "block0";
    await expect(gradientNorms(staged, x, squares)).rejects.toThrow(
      new RangeError(
        `gradientNorms: blocks must put out tensors that the backward pass meets, got "${path}"; ` +
          "where it lies inside a recomputed part, recompute each block by itself",
      ),
    );
    disposeModule(model);
    x.dispose();
  });

  it("refuses a model without blocks", async () => {
    const x = ones([1, 1, 2]);
    await expect(gradientNorms(flatten(), x, squares)).rejects.toThrow(
      new RangeError("gradientNorms: model must have a block, got none"),
    );
    expect(() => attach(flatten(), { norms: gradientNormProbe() })).toThrow(
      new RangeError("gradientNormProbe: model must have a block, got none"),
    );
    x.dispose();
  });
});
