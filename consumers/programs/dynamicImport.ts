/** @file What a CommonJS program writes whose TypeScript still has `module: node16`. */
import { deepStrictEqual } from "node:assert";
import * as tf from "@tensorflow/tfjs";

async function main(): Promise<void> {
  const { lif, neuron, unroll } = await import("@sew/neurons");
  const x = tf.tensor2d([[1.5], [1.5]]);
  deepStrictEqual(unroll(neuron(lif, { tau: 2 }), x).spikes.arraySync(), [[0], [1]]);
}
main();
