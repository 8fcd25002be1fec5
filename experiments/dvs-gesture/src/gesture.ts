/** @file 7B-Net on event recordings: data and model. */
import { cacheFrames, dvsGesture, type EventDataset, nMnist, writeSyntheticGestures } from "@sew/datasets";
import { defineExperiment, flag, integer, type Preparation, type Settings, type Sources } from "@sew/experiment";
import { nMnistRecipe, paper, synthetic } from "./recipes.js";

/** Both splits as frames, integrated once into the cache. */
async function framesOf(recordings: EventDataset, settings: Settings, progress: Preparation): Promise<Sources> {
  const { cache: dir, frames = 16, by } = settings;
  const open = (split: "train" | "test") =>
    cacheFrames(recordings, split, { dir, frames, by, onProgress: progress(`integrating ${split} frames`) });
  return { train: await open("train"), test: await open("test") };
}

export const gesture = defineExperiment({
  name: "dvs-gesture",
  description: "Trains 7B-Net on event recordings. For dvs-gesture the recipe is the paper's (Tables 7 and 8).",
  options: {
    blocks: integer("residual blocks, each followed by a pooling", { least: 1, default: 7 }),
    lenientLabels: flag("warn of labels that overlap or lie outside a recording, instead of stopping"),
  },
  datasets: {
    "dvs-gesture": {
      title: "DVS128 Gesture",
      needsData: true,
      recipe: ({ block }) => paper(block),
      open: ({ data = "", lenientLabels, ...settings }, progress) =>
        framesOf(dvsGesture(data, { labelProblems: lenientLabels ? "warn" : "error" }), settings, progress),
    },
    synthetic: {
      title: "Synthetic gestures",
      notes: [
        "The recordings are synthetic: drawn figures before a simulated event camera. Accuracies on them are not accuracies on DVS128 Gesture.",
      ],
      recipe: () => synthetic,
      async open({ data = "runs/data/synthetic-gestures", ...settings }, progress) {
        await writeSyntheticGestures(data, { onProgress: progress("making synthetic recordings") });
        return framesOf(dvsGesture(data), settings, progress);
      },
    },
    "n-mnist": {
      title: "N-MNIST",
      needsData: true,
      recipe: () => nMnistRecipe,
      open: ({ data = "", ...settings }, progress) => framesOf(nMnist(data), settings, progress),
    },
  },
  model: ({ blocks }, { classes }) => `c32k3s1-BN-PLIF-{SEW Block(c32)-MPk2s2}*${blocks}-FC${classes.length}`,
});
