import "@tensorflow/tfjs";
import { deepStrictEqual } from "node:assert";
import { lif, type Neuron, neuron, unroll } from "@sew/neurons";
import { grad, tensor2d } from "@tensorflow/tfjs-core";

const step: Neuron = neuron(lif, { tau: 2 });
const x = tensor2d([[1.5], [1.5]]);
deepStrictEqual(unroll(step, x).spikes.arraySync(), [[0], [1]]);
deepStrictEqual(grad((u) => unroll(step, u).spikes)(x).shape, [2, 1]);
