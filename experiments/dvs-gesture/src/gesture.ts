/** @file 7B-Net on event recordings: data and model. */
import {
  dvsGesture,
  type EventDataset,
  type EventDatasetOptions,
  eventDatasets,
  nMnist,
  spikingJellyFrames,
  writeSyntheticGestures,
} from "@sew/datasets";
import { defineExperiment, type ExperimentDataset, flag, integer } from "@sew/experiment";
import { code, nMnistRecipe, paper, synthetic } from "./recipes.js";

/** The options of this experiment's own. */
export interface GestureOptions {
  readonly blocks: number;
  readonly stemKernel: number;
  readonly lenientLabels: boolean;
}

/** Any other recordings, in a net with as many poolings as their sensor has room for, up to 7. */
export function recordingsOf(
  name: string,
  open: (dir: string, options?: EventDatasetOptions) => EventDataset,
): ExperimentDataset<GestureOptions> {
  return {
    title: name,
    needsData: true,
    recipe({ data = "" }) {
      const { height, width } = open(data);
      return { blocks: Math.min(7, Math.floor(Math.log2(Math.min(height, width)))) };
    },
    uses: ["truncated"],
    recordings: ({ data = "", truncated = "refuse" }) => open(data, { truncated }),
  };
}

const names = {
  "sew-add": "SEW ADD",
  "sew-iand": "SEW IAND",
  plain: "Plain",
  spiking: "Spiking",
  "sew-and": "SEW AND",
};
const blockOf = ([block, name]: [string, string]) => ({ name, options: ["--block", block] });

/** The blocks of Table 4, best first. */
const table4 = Object.entries(names).map(blockOf);

/** Three of them without random temporal delete, as in Fig. 10. */
const fig10 = table4
  .filter(({ name }) => ["SEW ADD", "Plain", "Spiking"].includes(name))
  .map(({ name, options }) => ({ name: `${name}, all frames`, options: [...options, "--train-frames", "all"] }));

/** The data sets that have a recipe of their own; the first is the default. */
const own: Readonly<Record<string, ExperimentDataset<GestureOptions>>> = {
  "dvs-gesture": {
    title: "DVS128 Gesture",
    needsData: true,
    uses: ["lenientLabels", "truncated"],
    recipeName: "paper",
    recipe: ({ block, learningRate }) => paper(block, learningRate),
    presets: { code: ({ block }) => code(block) },
    recordings: ({ data = "", lenientLabels, truncated = "refuse" }) =>
      dvsGesture(data, { labelProblems: lenientLabels ? "warn" : "error", truncated }),
  },
  synthetic: {
    title: "Synthetic gestures",
    notes: [
      "The recordings are synthetic: drawn figures before a simulated event camera. Accuracies on them are not accuracies on DVS128 Gesture.",
    ],
    recipeName: "short",
    recipe: () => synthetic,
    async recordings({ data = "runs/data/synthetic-gestures" }, progress) {
      await writeSyntheticGestures(data, { onProgress: progress("making synthetic recordings") });
      return dvsGesture(data);
    },
    checked: ({ data = "" }) => dvsGesture(data),
  },
  "spikingjelly-frames": {
    title: "DVS128 Gesture, cut into frames by SpikingJelly",
    needsData: true,
    sequences: true,
    recipeName: "paper",
    recipe: ({ block, learningRate }) => paper(block, learningRate),
    open: async ({ data = "" }) => ({
      train: await spikingJellyFrames(data, { split: "train" }),
      test: await spikingJellyFrames(data, { split: "test" }),
    }),
  },
  "n-mnist": {
    title: "N-MNIST",
    needsData: true,
    recipeName: "short",
    recipe: () => nMnistRecipe,
    uses: ["truncated"],
    recordings: ({ data = "", truncated = "refuse" }) => nMnist(data, { truncated }),
  },
};

export const gesture = defineExperiment<GestureOptions>({
  name: "dvs-gesture",
  description: "Trains 7B-Net on event recordings. For dvs-gesture the recipe is the paper's (Tables 7 and 8).",
  options: {
    blocks: integer("residual blocks, each followed by a pooling", { least: 1, default: 7 }),
    stemKernel: integer("size of the stem's convolution", { least: 1, default: 3 }),
    lenientLabels: flag("warn of labels that overlap or lie outside a recording, instead of stopping", {
      standsFor: 'labelProblems: "warn"',
    }),
  },
  datasets: {
    ...own,
    ...Object.fromEntries(
      Object.entries(eventDatasets)
        .filter(([name]) => !Object.hasOwn(own, name))
        .map(([name, open]) => [name, recordingsOf(name, open)]),
    ),
  },
  modelUses: ["blocks", "stemKernel"],
  model: ({ blocks, stemKernel }, { classes }) =>
    `c32k${stemKernel}s1-BN-PLIF-{SEW Block(c32)-MPk2s2}*${blocks}-FC${classes.length}`,
  comparisons: {
    table4: { title: "Blocks, and random temporal delete (Table 4, Fig. 10)", runs: [...table4, ...fig10] },
  },
});
