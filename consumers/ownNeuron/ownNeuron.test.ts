/** @file The test of a neuron of one's own, as an author outside this repository writes it. */
import "@tensorflow/tfjs";
import { type MembraneParams, membrane, type NeuronModel, restingPotential } from "@sew/neurons";
import { describeNeuron, membraneParams } from "@sew/testing";
import { add, mul } from "@tensorflow/tfjs-core";

const doubling: NeuronModel<MembraneParams> = {
  name: "doubling",
  defaults: membrane,
  state: restingPotential,
  charge: ({ v }, x) => ({ v: add(v, mul(x, 2)) }),
  check() {},
};
describeNeuron(doubling, membraneParams);
