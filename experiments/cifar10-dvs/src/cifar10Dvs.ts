/** @file Wide-7B-Net on CIFAR10-DVS (Table 6): data, model and recipe. */
import { cifar10Dvs as recordings } from "@sew/datasets";
import { boundedNeuronRate, choice, defineExperiment, integer, type Recipe } from "@sew/experiment";

/** Table 7 of the paper, with PLIF's w bounded at this learning rate. */
const paper = (learningRate = 0.01): Partial<Recipe> => ({
  frames: 16,
  epochs: 64,
  batch: 16,
  optimizer: "sgd",
  learningRate,
  schedule: "cosine",
  neuronRate: boundedNeuronRate(learningRate),
});

export const cifar10Dvs = defineExperiment({
  name: "cifar10-dvs",
  description: "Trains Wide-7B-Net on CIFAR10-DVS (Table 6).",
  options: {
    stemKernel: integer("size of the two convolutions before the blocks", { least: 1, default: 3 }),
    split: choice(
      "sew: the last tenth of each class, as the paper; first100: the first 100 recordings",
      ["sew", "first100"],
      "sew",
    ),
  },
  datasets: {
    "cifar10-dvs": {
      title: "CIFAR10-DVS",
      needsData: true,
      recipeName: "paper",
      recipe: ({ learningRate }) => paper(learningRate),
      // The authors' code: 1.19 million parameters, as the paper says.
      presets: { code: () => ({ stemKernel: 1 }) },
      uses: ["truncated"],
      recordings: ({ data = "", split, truncated = "refuse" }) => recordings(data, { split, truncated }),
    },
  },
  modelUses: ["stemKernel"],
  model: ({ stemKernel: k }, { classes }) =>
    `c64k${k}s1-BN-PLIF-{SEW Block(c64)-MPk2s2}*4-c128k${k}s1-BN-PLIF-{SEW Block(c128)-MPk2s2}*3-FC${classes.length}`,
  comparisons: {
    table6: {
      title: "Wide-7B-Net by time-steps (Table 6)",
      runs: ["4", "8", "16"].map((steps) => ({ name: `T = ${steps}`, options: ["--frames", steps] })),
    },
  },
});
