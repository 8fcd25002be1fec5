/** @file What a user who installs one package writes first. Each program is compiled against the package's types and run. */

/** A program by package; a package without one here is imported and must export something. */
export const usage: Readonly<Record<string, string>> = {
  "@sew/surrogates": `
    import { plif } from "@sew/neurons";
import { neurons } from "@sew/layers";
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

    const unit: Module = convNormNeuron(2, 4, neurons(plif));
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
  "@sew/training": `
    import "@tensorflow/tfjs";
    import { cosine, type Schedule } from "@sew/training";
    import { deepStrictEqual } from "node:assert";

    const schedule: Schedule = cosine({ lr: 0.1, epochs: 64 });
    deepStrictEqual([schedule(0), Math.abs(schedule(32) - 0.05) < 1e-12], [0.1, true]);
  `,
  "@sew/backends": `
    import "@tensorflow/tfjs";
    import { type BackendName, BackendUnavailable, useBackend } from "@sew/backends";
    import { deepStrictEqual, rejects } from "node:assert";

    const warnings: string[] = [];
    const name: BackendName = "native";
    // A project with this package alone compiles nothing.
    deepStrictEqual(await useBackend(name, (warning) => warnings.push(warning)), "cpu");
    deepStrictEqual(warnings.length, 1);
    await rejects(useBackend("webgpu"), BackendUnavailable);
  `,
  "@sew/backend-native": `
    import "@tensorflow/tfjs";
    import { getBackend, grad, setBackend, tensor2d } from "@tensorflow/tfjs-core";
    import { registerNative } from "@sew/backend-native";
    import { deepStrictEqual } from "node:assert";

    registerNative();
    deepStrictEqual([await setBackend("native"), getBackend()], [true, "native"]);
    const x = tensor2d([[1, 2], [3, 4]]);
    deepStrictEqual(x.matMul(x).arraySync(), [[7, 10], [15, 22]]);
    deepStrictEqual(grad((u) => u.square())(x).arraySync(), [[2, 4], [6, 8]]);
  `,
};

/** The program of a package that is not named in {@link usage}. */
export function importing(name: string): string {
  return `import * as all from "${name}";\nimport { ok } from "node:assert";\nok(Object.keys(all).length >= 0);\n`;
}
