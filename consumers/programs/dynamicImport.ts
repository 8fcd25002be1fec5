/** @file What a CommonJS program writes whose TypeScript still has `module: node16`. */
import { deepStrictEqual } from "node:assert";
import * as tf from "@tensorflow/tfjs";

async function main(): Promise<void> {
  const { lif, neuron } = await import("@sew/neurons");
  const step = neuron(lif, { tau: 2 });
  deepStrictEqual(step(tf.zeros([2]), tf.tensor1d([1.5, 2])).spikes.arraySync(), [0, 1]);
}
main();
