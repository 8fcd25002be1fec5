/** @file Surrogate derivatives on CIFAR-10 (appendix A.5): data, model and the runs that are compared. */
import { join } from "node:path";
import { spikingBlock } from "@sew/blocks";
import { cacheImages, cifar10, cifar100, imageFolder, normalise, randomCrop, randomFlip } from "@sew/datasets";
import { type ComparedRun, defineExperiment, flag, type Recipe, type Settings } from "@sew/experiment";
import { neurons, overTime } from "@sew/layers";
import { network } from "@sew/models";
import { integrateAndFire } from "@sew/neurons";
import { scaledAtan } from "@sew/surrogates";

/** Ten residual blocks; `SEW` stands for the block that is chosen. */
const notation = (classes: number): string => `c32k3s1-BN-IF-{{SEW Block(c32)}*2-MPk2s2}*5-FC${classes}`;

/** The paper gives neither epochs nor learning rates. */
const recipe: Partial<Recipe> = {
  epochs: 15,
  batch: 32,
  optimizer: "sgd",
  learningRate: 0.05,
  schedule: "cosine",
  steps: 4,
};

const transforms = () => [randomCrop({ height: 32, width: 32, padding: 4 }), randomFlip()];
const allTransforms = () => [normalise({ mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] })];

/** The images of a split, in class folders. */
const images = (data: string, split: string) => imageFolder(join(data, split), { height: 32, width: 32 });

/** Table 9, by the names of the surrogates. */
const table9 = { atan: "ArcTan", rectangular: "Rectangular", constant: "Constant 1" } as const;

const runs = (["sew-add", "spiking"] as const).flatMap((block) =>
  Object.entries(table9).map(([surrogate, name]): ComparedRun => {
    const options = ["--block", block, "--surrogate", surrogate];
    // The paper's cells of Constant 1 are at chance.
    const mayDiverge = surrogate === "constant";
    return { name: `${block === "sew-add" ? "SEW ADD" : "Spiking"}, ${name}`, options, mayDiverge };
  }),
);

/**
 * Spiking blocks whose last neurons have V_th = 0.5 and a scaled ArcTan, so that Θ'(0 − V_th) = Θ'(1 − V_th) = 1: by Eq. 8
 * their gradients neither vanish nor explode.
 */
function unitGradient({ seed, steps, zeroInit, recompute }: Settings, shape: readonly number[], classes: number) {
  const [, height, width, inChannels] = shape as [number, number, number, number];
  const lastNeurons = neurons(integrateAndFire, { vThreshold: 0.5 }, scaledAtan());
  const words = notation(classes).replaceAll("SEW", "Spiking");
  const Spiking: typeof spikingBlock = (options) => spikingBlock({ ...options, lastNeurons });
  const model = network(words, { height, width, inChannels, seed, zeroInit, recompute, blocks: { Spiking } });
  return { model: overTime(model, steps), notation: `${words}, last neurons of gradient 1` };
}

export const cifar = defineExperiment({
  name: "cifar10",
  description: "Surrogate derivatives on CIFAR-10: SEW ResNet against Spiking ResNet (appendix A.5, Table 9).",
  options: {
    unitGradient: flag("Spiking blocks whose last neurons have V_th = 0.5 and the gradient 1 (A.5)", {
      fixes: { block: "spiking", neuron: "if", surrogate: undefined, model: undefined },
    }),
  },
  datasets: {
    cifar10: {
      title: "CIFAR-10",
      needsData: true,
      recipeName: "short",
      recipe: () => recipe,
      transforms,
      allTransforms,
      open: async ({ data = "" }) => ({ train: await cifar10(data, "train"), test: await cifar10(data, "test") }),
      checked: ({ data = "" }) => ({ train: cifar10(data, "train"), test: cifar10(data, "test") }),
    },
    cifar100: {
      title: "CIFAR-100",
      needsData: true,
      recipe: () => recipe,
      transforms,
      allTransforms: () => [normalise({ mean: [0.5071, 0.4867, 0.4408], std: [0.2675, 0.2565, 0.2761] })],
      open: async ({ data = "" }) => ({ train: await cifar100(data, "train"), test: await cifar100(data, "test") }),
      checked: ({ data = "" }) => ({ train: cifar100(data, "train"), test: cifar100(data, "test") }),
    },
    "cifar10-images": {
      title: "Images of CIFAR-10 in folders",
      needsData: true,
      recipeName: "short",
      recipe: () => recipe,
      transforms,
      allTransforms,
      async open({ data = "", cache: dir }, progress) {
        const open = async (split: string) => {
          return cacheImages(await images(data, split), { dir, onProgress: progress(`decoding ${split} images`) });
        };
        return { train: await open("train"), test: await open("test") };
      },
      checked: ({ data = "" }) => ({ train: images(data, "train"), test: images(data, "test") }),
    },
  },
  model: (settings, { shape, classes }) =>
    settings.unitGradient ? unitGradient(settings, shape, classes.length) : notation(classes.length),
  compares: "table9",
  comparisons: {
    table9: { title: "Table 9: surrogate derivatives", runs },
    "unit-gradient": {
      title: "Spiking ResNet with the gradient 1",
      runs: [
        ...runs.filter(({ name }) => name.endsWith("ArcTan")),
        { name: "Spiking, gradient 1", options: ["--unit-gradient"] },
      ],
    },
  },
});
