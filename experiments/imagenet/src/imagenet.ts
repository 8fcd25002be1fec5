/** @file ImageNet (Table 2): data, model and recipe. */
import { cacheImages, imageNet, normalise, randomFlip, randomResizedCrop } from "@sew/datasets";
import { choice, defineExperiment, familyOf, type Recipe } from "@sew/experiment";
import { type ResNetDepth, resNet } from "@sew/models";

const depths = ["18", "34", "50", "101", "152"] as const;

/** Table 7 of the paper: 8 GPUs with batches of 32 each, which accumulation gives, batch norm of each batch included. */
const paper: Partial<Recipe> = {
  epochs: 320,
  batch: 32,
  accumulate: 8,
  optimizer: "sgd",
  learningRate: 0.1,
  schedule: "cosine",
  steps: 4,
  precision: "bf16",
};

/** A hundred images or so, learned by heart within minutes: whether the network, the data and the arithmetic work. */
const overfit: Partial<Recipe> = {
  epochs: 40,
  batch: 10,
  optimizer: "sgd",
  learningRate: 0.05,
  schedule: "cosine",
  steps: 4,
};

const allTransforms = () => [normalise({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] })];

const spiking = (block: string): boolean => block === "spiking" || block === "td-bn";

/** Blocks without time, which see an image once. */
const timeless = (block: string): boolean => block === "ann" || block === "rba";

/** Those of the paper, or the only one of an ANN. */
const stepsOf = (block: string) => (timeless(block) ? { steps: 1 } : {});

export const imagenet = defineExperiment({
  name: "imagenet",
  description: "ResNets of 18 to 152 layers on ImageNet: SEW, spiking, plain and ANN blocks (Table 2).",
  options: { depth: choice("layers with weights", depths, "18") },
  datasets: {
    imagenet: {
      title: "ImageNet",
      needsData: true,
      // As in the authors' code, Spiking ResNets start with blocks that copy their input, or degrade at once.
      recipeName: "paper",
      recipe: ({ block }) => ({ ...paper, ...stepsOf(block), zeroInit: spiking(block) }),
      transforms: () => [randomResizedCrop({ height: 224, width: 224 }), randomFlip()],
      allTransforms,
      open: async ({ data = "" }) => ({ train: await imageNet(data, "train"), test: await imageNet(data, "val") }),
      checked: ({ data = "" }) => ({ train: imageNet(data, "train"), val: imageNet(data, "val") }),
    },
    overfit: {
      title: "Some images of ImageNet, learned by heart",
      notes: ["Tested on the images that it is trained on: the accuracy says that learning works, and nothing else."],
      needsData: true,
      recipeName: "short",
      recipe: ({ block }) => ({ ...overfit, ...stepsOf(block), zeroInit: spiking(block) }),
      allTransforms,
      async open({ data = "", cache: dir }, progress) {
        const images = await cacheImages(await imageNet(data, "train"), {
          dir,
          onProgress: progress("decoding images"),
        });
        return { train: images, test: images };
      },
      checked: ({ data = "" }) => ({ train: imageNet(data, "train") }),
    },
  },
  modelUses: ["depth"],
  model(settings, { shape, classes }) {
    const { block, depth, steps, zeroInit, recompute, seed } = settings;
    const model = resNet(Number(depth) as ResNetDepth, {
      ...familyOf(settings),
      classes: classes.length,
      inChannels: shape[3]!,
      stemOnceFor: steps,
      zeroInit,
      recompute,
      seed,
    });
    return { model, notation: `${block} ResNet-${depth}` };
  },
  comparisons: {
    table2: {
      title: "SEW ADD and Spiking ResNets on ImageNet (Table 2)",
      runs: (["sew-add", "spiking"] as const).flatMap((block) =>
        depths.map((depth) => ({
          name: `${block === "sew-add" ? "SEW" : "Spiking"} ResNet-${depth}`,
          options: ["--block", block, "--depth", depth],
        })),
      ),
    },
  },
});
