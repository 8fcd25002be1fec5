/** @file 7B-Net on event recordings: data and model. */
import { dvsGesture, type EventDataset, eventDatasets, nMnist, writeSyntheticGestures } from "@sew/datasets";
import { defineExperiment, type ExperimentDataset, flag, integer } from "@sew/experiment";
import { nMnistRecipe, paper, synthetic } from "./recipes.js";

/** The options of this experiment's own. */
export interface GestureOptions {
  readonly blocks: number;
  readonly lenientLabels: boolean;
}

/** Any other recordings, in a net with as many poolings as their sensor has room for, up to 7. */
export function recordingsOf(name: string, open: (dir: string) => EventDataset): ExperimentDataset<GestureOptions> {
  return {
    title: name,
    needsData: true,
    recipe({ data = "" }) {
      const { height, width } = open(data);
      return { blocks: Math.min(7, Math.floor(Math.log2(Math.min(height, width)))) };
    },
    recordings: ({ data = "" }) => open(data),
  };
}

/** The data sets that have a recipe of their own; the first is the default. */
const own: Readonly<Record<string, ExperimentDataset<GestureOptions>>> = {
  "dvs-gesture": {
    title: "DVS128 Gesture",
    needsData: true,
    recipe: ({ block }) => paper(block),
    recordings: ({ data = "", lenientLabels }) => dvsGesture(data, { labelProblems: lenientLabels ? "warn" : "error" }),
  },
  synthetic: {
    title: "Synthetic gestures",
    notes: [
      "The recordings are synthetic: drawn figures before a simulated event camera. Accuracies on them are not accuracies on DVS128 Gesture.",
    ],
    recipe: () => synthetic,
    async recordings({ data = "runs/data/synthetic-gestures" }, progress) {
      await writeSyntheticGestures(data, { onProgress: progress("making synthetic recordings") });
      return dvsGesture(data);
    },
    checked: ({ data = "" }) => dvsGesture(data),
  },
  "n-mnist": {
    title: "N-MNIST",
    needsData: true,
    recipe: () => nMnistRecipe,
    recordings: ({ data = "" }) => nMnist(data),
  },
};

export const gesture = defineExperiment<GestureOptions>({
  name: "dvs-gesture",
  description: "Trains 7B-Net on event recordings. For dvs-gesture the recipe is the paper's (Tables 7 and 8).",
  options: {
    blocks: integer("residual blocks, each followed by a pooling", { least: 1, default: 7 }),
    lenientLabels: flag("warn of labels that overlap or lie outside a recording, instead of stopping"),
  },
  datasets: {
    ...own,
    ...Object.fromEntries(
      Object.entries(eventDatasets)
        .filter(([name]) => !Object.hasOwn(own, name))
        .map(([name, open]) => [name, recordingsOf(name, open)]),
    ),
  },
  model: ({ blocks }, { classes }) => `c32k3s1-BN-PLIF-{SEW Block(c32)-MPk2s2}*${blocks}-FC${classes.length}`,
});
