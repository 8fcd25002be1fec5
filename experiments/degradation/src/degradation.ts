/** @file Training loss by depth: data, model and the runs that are compared. */
import { join } from "node:path";
import { gradientNorms, lineChart, section, sideBySide } from "@sew/analysis";
import { cacheImages, imageFolder, normalise, type Source, subset } from "@sew/datasets";
import {
  type Claim,
  type ComparedResult,
  type ComparedRun,
  curves,
  defineExperiment,
  familyOf,
  integer,
  type Settings,
  spread,
} from "@sew/experiment";
import { disposeModule, type Module, namedModules } from "@sew/layers";
import { crossEntropy } from "@sew/training";
import { type Tensor3D, tensor, tensor1d } from "@tensorflow/tfjs-core";
import { twoStages } from "./network.js";

/** The images of a split, in class folders. */
const images = (data: string, split: string) => imageFolder(join(data, split), { height: 32, width: 32 });

/** The first so many samples of each class. */
function firstOfEach(source: Source, perClass: number): Source {
  const seen = source.classes.map(() => 0);
  const indices = Array.from(source.names.keys()).filter((i) => seen[source.labels[i]!]!++ < perClass);
  return subset(source, indices);
}

/** Blocks of a network, from the paper's shallow ones to depths at which Spiking ResNets no longer learn. */
const depths = [2, 8, 20, 36];

/** The families, by what tables call them. */
const families = {
  "SEW ADD": "sew-add",
  "SEW IAND": "sew-iand",
  Spiking: "spiking",
  Plain: "plain",
  ANN: "ann",
} as const;
type Name = keyof typeof families;

const nameOf = (family: Name, blocks: number): string => `${family}, ${blocks} blocks`;

const byDepth = Object.entries(families).flatMap(([family, block]): ComparedRun[] =>
  depths.map((blocks) => ({
    name: nameOf(family as Name, blocks),
    options: ["--block", block, "--blocks", `${blocks}`],
  })),
);

const rates = [0.01, 0.05, 0.1, 0.2];
const byRate = (["SEW ADD", "SEW IAND", "Spiking", "Plain"] as const).flatMap((family): ComparedRun[] =>
  rates.map((rate) => ({
    name: `${family}, rate ${rate}`,
    options: ["--block", families[family], "--blocks", "20", "--learning-rate", `${rate}`],
  })),
);

/** Training losses of the last epoch, one a seed. */
function losses(results: readonly ComparedResult[], name: string): number[] {
  const { runs } = results.find((result) => result.name === name)!;
  return runs.map(({ history }) => history.at(-1)!.trainLoss);
}

const nats = (value: number): string => value.toFixed(2);

/** Whether all of the one are below all of the other, and the sentence that says it. */
function below(results: readonly ComparedResult[], low: string, high: string): Claim {
  const [a, b] = [losses(results, low), losses(results, high)];
  return {
    text: `the training loss of ${low} (${spread(a, nats)}) is below that of ${high} (${spread(b, nats)}), whatever the seeds`,
    holds: Math.max(...a) < Math.min(...b),
  };
}

const [shallow, deep] = [depths[0]!, depths.at(-1)!];

function depthClaims(results: readonly ComparedResult[]): Claim[] {
  return [
    ...(["SEW ADD", "SEW IAND", "ANN"] as const).map((f) => below(results, nameOf(f, deep), nameOf(f, shallow))),
    ...(["Spiking", "Plain"] as const).map((f) => below(results, nameOf(f, shallow), nameOf(f, deep))),
    below(results, nameOf("SEW ADD", deep), nameOf("SEW IAND", deep)),
    below(results, nameOf("SEW IAND", deep), nameOf("Spiking", deep)),
  ];
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function depthSections(results: readonly ComparedResult[]) {
  const names = Object.keys(families) as Name[];
  const loss = lineChart({
    title: "Training loss after the last epoch",
    x: depths,
    xName: "residual blocks",
    lines: names.map((name) => {
      const each = depths.map((blocks) => losses(results, nameOf(name, blocks)));
      return { name, values: each.map(mean), range: each.map((all) => [Math.min(...all), Math.max(...all)] as const) };
    }),
  });
  const norms = names.map((name) => results.find((result) => result.name === nameOf(name, deep))!.runs[0]!.measures);
  const gradients = lineChart({
    title: `Gradient by the output of each of ${deep} blocks, at the start, to that of the last`,
    xName: "block",
    lines: names.map((name, i) => {
      const { gradientNorms = [] } = norms[i]!;
      return { name, values: gradientNorms.map((norm) => norm / gradientNorms.at(-1)!) };
    }),
  });
  const pick = (name: Name) => results.filter((result) => result.name.startsWith(`${name},`));
  const curvesOf = (name: Name) => curves(`Training loss of ${name}`, pick(name), ({ trainLoss }) => trainLoss);
  return [section("By depth", sideBySide(loss, gradients)), section("Curves", sideBySide(...names.map(curvesOf)))];
}

function rateSections(results: readonly ComparedResult[]) {
  const families = ["SEW ADD", "SEW IAND", "Spiking", "Plain"];
  const lines = families.map((name) => ({
    name,
    values: rates.map((rate) => mean(losses(results, `${name}, rate ${rate}`))),
  }));
  return [
    section(
      "By learning rate",
      lineChart({ title: "Training loss of 20 blocks", x: rates, xName: "learning rate", lines }),
    ),
  ];
}

function build(settings: Settings & { readonly blocks: number }, { shape, classes }: Source): Module {
  const { blocks, steps, zeroInit, recompute, seed } = settings;
  const sizes = { blocks, inChannels: shape[3]!, classes: classes.length };
  return twoStages(familyOf(settings), { ...sizes, steps, zeroInit, recompute, seed });
}

export const degradation = defineExperiment({
  name: "degradation",
  description: "Training loss by depth. Spiking ResNets and plain networks degrade with depth, SEW ResNets do not.",
  options: { blocks: integer("residual blocks, an even number", { least: 2, default: 20 }) },
  datasets: {
    "cifar10-images": {
      title: "1,000 images of CIFAR-10",
      needsData: true,
      notes: [
        "The claim is about the training loss: 1,000 images are overfitted, and the accuracy on others says little.",
      ],
      recipeName: "short",
      recipe: ({ block }) => ({
        epochs: 30,
        batch: 32,
        optimizer: "sgd",
        learningRate: 0.05,
        schedule: "cosine",
        steps: block === "ann" || block === "rba" ? 1 : 4,
        // A block without a shortcut has no identity.
        zeroInit: block !== "plain",
      }),
      async open({ data = "", cache: dir }, progress) {
        const open = async (split: string, perClass: number) => {
          const some = firstOfEach(await images(data, split), perClass);
          return cacheImages(some, { dir, onProgress: progress(`decoding ${split} images`) });
        };
        return { train: await open("train", 100), test: await open("test", 50) };
      },
      checked: ({ data = "" }) => ({ train: images(data, "train"), test: images(data, "test") }),
      allTransforms: () => [normalise({ mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] })],
    },
  },
  modelUses: ["blocks"],
  model(settings, source) {
    const { block, blocks } = settings;
    if (blocks % 2 === 1) throw new RangeError(`--blocks: it must be an even number, got ${blocks}`);
    return { model: build(settings, source), notation: `${blocks} ${block} blocks in two stages` };
  },
  /** ‖∂L/∂O^l‖ of 32 training images, before training; none of another network, by `--model`. */
  async measures({ settings, sources: { train } }) {
    if (settings.model !== undefined) return {};
    const model = build(settings, train);
    const indices = Array.from({ length: 32 }, (_, i) => Math.floor((i * train.count) / 32));
    const x = tensor(await train.read(indices), [1, 32, ...train.shape.slice(1)]);
    const labels = tensor1d(
      indices.map((i) => train.labels[i]!),
      "int32",
    );
    try {
      // Of ANNs, too, whose blocks have no neurons to know them by.
      const paths = [...namedModules(model)].map(([path]) => path).filter((path) => /^stage\d\.block\d+$/.test(path));
      const norms = await gradientNorms(model, x, (logits) => crossEntropy(logits as Tensor3D, labels), { paths });
      return { gradientNorms: Object.values(norms).map(({ output }) => output.norm) };
    } finally {
      x.dispose();
      labels.dispose();
      disposeModule(model);
    }
  },
  compares: "depth",
  comparisons: {
    depth: {
      title: "Training loss by depth",
      runs: byDepth,
      seeds: [0, 1, 2],
      threads: 1,
      claims: depthClaims,
      sections: depthSections,
    },
    rates: {
      title: "Training loss of 20 blocks by learning rate",
      runs: byRate,
      threads: 1,
      claims: (results) =>
        rates.flatMap((rate) => [
          below(results, `SEW ADD, rate ${rate}`, `Spiking, rate ${rate}`),
          below(results, `SEW IAND, rate ${rate}`, `Spiking, rate ${rate}`),
          below(results, `Spiking, rate ${rate}`, `Plain, rate ${rate}`),
        ]),
      sections: rateSections,
    },
  },
});
