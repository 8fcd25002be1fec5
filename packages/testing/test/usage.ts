/** @file What a user who installs one package writes first. Each program is compiled against the package's types and run. */

/** A program by package; a package without one here is imported and must export something. */
export const usage: Readonly<Record<string, string>> = {
  "@sew/surrogates": `
    import "@tensorflow/tfjs";
    import { grad, tensor1d } from "@tensorflow/tfjs-core";
    import { type AtanOptions, atan } from "@sew/surrogates";
    import { deepStrictEqual } from "node:assert";

    const options: AtanOptions = { alpha: 2 };
    const spike = atan(options);
    deepStrictEqual(spike(tensor1d([-1, 0, 1])).arraySync(), [0, 1, 1]);
    deepStrictEqual(grad(spike)(tensor1d([0])).arraySync(), [1]);
  `,
  "@sew/neurons": `
    import "@tensorflow/tfjs";
    import { grad, tensor2d } from "@tensorflow/tfjs-core";
    import { lif, type Neuron, neuron, unroll } from "@sew/neurons";
    import { deepStrictEqual } from "node:assert";

    const step: Neuron = neuron(lif, { tau: 2 });
    const x = tensor2d([[1.5], [1.5]]);
    deepStrictEqual(unroll(step, x).spikes.arraySync(), [[0], [1]]);
    deepStrictEqual(grad((u) => unroll(step, u).spikes)(x).shape, [2, 1]);
  `,
  "@sew/layers": `
    import "@tensorflow/tfjs";
    import { ones, variableGrads, sum } from "@tensorflow/tfjs-core";
    import { convNormNeuron, type Module, namedParameters, plifNeurons, run } from "@sew/layers";
    import { deepStrictEqual } from "node:assert";

    const unit: Module = convNormNeuron(2, 4, plifNeurons());
    const { value, grads } = variableGrads(() => sum(run(unit, ones([3, 1, 8, 8, 2]), { training: true })));
    deepStrictEqual([value.shape, Object.keys(grads).length], [[], namedParameters(unit).size]);
  `,
  "@sew/blocks": `
    import "@tensorflow/tfjs";
    import { ones } from "@tensorflow/tfjs-core";
    import { type Connect, iand, sewBlock } from "@sew/blocks";
    import { deepStrictEqual } from "node:assert";

    const g: Connect = iand;
    deepStrictEqual(g(ones([2]), ones([2])).arraySync(), [0, 0]);
    deepStrictEqual(typeof sewBlock, "function");
  `,
  "@sew/models": `
    import "@tensorflow/tfjs";
    import { zeros } from "@tensorflow/tfjs-core";
    import { network, type NetworkOptions } from "@sew/models";
    import { deepStrictEqual } from "node:assert";

    const options: NetworkOptions = { height: 8, width: 8 };
    const net = network("c4-BN-PLIF-{SEW(c4)-MPk2}*2-FC3", options);
    deepStrictEqual(net.forward(zeros([2, 1, 8, 8, 2]), { training: false }).shape, [2, 1, 3]);
  `,
  "@sew/datasets": `
    import { type Events, integrate } from "@sew/datasets";
    import { deepStrictEqual } from "node:assert";

    const events: Events = {
      t: Float64Array.of(0, 10, 20, 30),
      x: Uint16Array.of(0, 1, 0, 1),
      y: Uint16Array.of(0, 0, 0, 0),
      p: Uint8Array.of(0, 1, 1, 1),
    };
    const frames = integrate(events, { frames: 2, by: "count", height: 1, width: 2 });
    deepStrictEqual([...frames], [1, 0, 0, 1, 0, 1, 0, 1]);
  `,
  "@sew/checkpoints": `
    import "@tensorflow/tfjs";
    import { mul, type Tensor, tensor1d, variable } from "@tensorflow/tfjs-core";
    import { type LoadedWeights, loadWeights, saveWeights } from "@sew/checkpoints";
    import { deepStrictEqual } from "node:assert";

    const weight = variable(tensor1d([1, 2]));
    const model = { parameters: { weight }, forward: (x: Tensor) => mul(x, weight) };
    await saveWeights(model, "weight.safetensors");
    const loaded: LoadedWeights = await loadWeights(model, "weight.safetensors");
    deepStrictEqual([loaded.taken, loaded.kept], [["weight"], []]);
  `,
  "@sew/training": `
    import "@tensorflow/tfjs";
    import { adam, type Batch, chain, clipByGlobalNorm, cosine, type Schedule, training } from "@sew/training";
    import { silentProgress, train } from "@sew/training/node";
    import { mul, type Tensor, tensor1d, variable } from "@tensorflow/tfjs-core";
    import { deepStrictEqual } from "node:assert";

    const weight = variable(tensor1d([1, 2]));
    const model = { parameters: { weight }, forward: (x: Tensor) => mul(x, weight) };
    const learningRate: Schedule = cosine({ learningRate: 0.1, epochs: 64 });
    async function* epoch(): AsyncGenerator<Batch> {
      yield { x: Float32Array.of(1, 2), shape: [1, 1, 2], labels: Int32Array.of(0) };
    }
    const run = { model, data: { train: { epoch } }, epochs: 1, learningRate };
    for await (const event of training({ ...run, optimizer: chain(clipByGlobalNorm(1), adam()) })) {
      if (event.type === "step") deepStrictEqual(event.learningRate, 0.1);
    }
    deepStrictEqual((await train({ ...run, out: "run", progress: silentProgress })).bestBy, "last");
  `,
  "@sew/backend-native": `
    import "@tensorflow/tfjs";
    import { getBackend, grad, tensor2d } from "@tensorflow/tfjs-core";
    import { useBackend } from "@sew/backend-native";
    import { deepStrictEqual } from "node:assert";

    const name: string = await useBackend("native");
    deepStrictEqual([name, getBackend()], ["native", "native"]);
    const x = tensor2d([[1, 2], [3, 4]]);
    deepStrictEqual(x.matMul(x).arraySync(), [[7, 10], [15, 22]]);
    deepStrictEqual(grad((u) => u.square())(x).arraySync(), [[2, 4], [6, 8]]);
  `,
};

/** The program of a package that is not named in {@link usage}. */
export function importing(name: string): string {
  return `import * as all from "${name}";\nimport { ok } from "node:assert";\nok(Object.keys(all).length >= 0);\n`;
}
