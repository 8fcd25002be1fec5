/** @file What each data set is trained with; options of the command line have precedence. */
import { boundedNeuronRate, type Recipe } from "@sew/experiment";
import type { FamilyName } from "@sew/models";

/** A recipe for 7B-Net, of any number of residual blocks. */
export type GestureRecipe = Partial<Recipe> & { readonly blocks: number };

/** Table 8 of the paper: the learning rate of each block on DVS128 Gesture. */
const table8: Readonly<Partial<Record<FamilyName, number>>> = {
  "sew-add": 0.001,
  "sew-and": 0.03,
  "sew-iand": 0.063,
  spiking: 0.1,
  plain: 0.005,
};

/** Tables 7 and 8 of the paper, with PLIF's w bounded at this learning rate. */
export function paper(block: FamilyName, learningRate = table8[block] ?? 0.001): GestureRecipe {
  return {
    blocks: 7,
    frames: 16,
    trainFrames: 12,
    batch: 16,
    epochs: 192,
    optimizer: "sgd",
    learningRate,
    schedule: "step",
    neuron: "plif",
    neuronRate: boundedNeuronRate(learningRate),
  };
}

/** Where the authors' code differs from the paper: a stem of 1x1, and blocks that start as identities. */
export function code(block: FamilyName): Partial<GestureRecipe> & { readonly stemKernel: number } {
  return { stemKernel: 1, zeroInit: block !== "plain" };
}

/** Small enough for a first run of minutes on two cores. */
export const synthetic: GestureRecipe = {
  blocks: 7,
  frames: 8,
  trainFrames: 4,
  batch: 4,
  epochs: 7,
  optimizer: "adam",
  learningRate: 0.003,
  schedule: "cosine",
};

/** 1,000 training and 100 test samples of N-MNIST. */
export const nMnistRecipe: GestureRecipe = {
  blocks: 4,
  frames: 8,
  batch: 20,
  epochs: 10,
  optimizer: "sgd",
  learningRate: 0.005,
  schedule: "cosine",
};
