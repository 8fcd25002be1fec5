/** @file A run of seconds, for tests: in this process, or as a program that tests may kill: `tinyRun.mjs OUT VARIANT [resume]`. */
import { random } from "@sew/random";
import "@tensorflow/tfjs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { saveWeights } from "@sew/checkpoints";
import { network } from "@sew/models";
import { adamW, chain, clipByGlobalNorm, momentum, scaleBy, stepDecay, warmup, weightDecay } from "@sew/training";
import { silentProgress, train } from "@sew/training/node";
import { setBackend } from "@tensorflow/tfjs-core";

const BATCHES = 5;
const SHAPE = [2, 4, 4, 4, 2];

/** Two classes of noise that differ in their brightness. */
export function tinyBatch(seed) {
  const draw = random(seed);
  const labels = Int32Array.from({ length: SHAPE[1] }, () => Math.floor(draw.uniform() * 2));
  const size = SHAPE.reduce((a, b) => a * b);
  const image = size / SHAPE[0] / SHAPE[1];
  const x = Float32Array.from({ length: size }, (_, i) => {
    const label = labels[Math.floor(i / image) % labels.length];
    return draw.uniform() < 0.2 + 0.5 * label ? 1 : 0;
  });
  return { x, shape: SHAPE, labels };
}

export const tinyData = {
  train: {
    batchesPerEpoch: BATCHES,
    fingerprint: "tiny",
    async *epoch({ epoch = 0, start = 0 } = {}) {
      for (let i = start; i < BATCHES; i++) yield tinyBatch(1000 * epoch + i);
    },
  },
  test: {
    batchesPerEpoch: 2,
    async *epoch() {
      for (let i = 0; i < 2; i++) yield tinyBatch(1_000_000 + i);
    },
  },
};

/** Ways to update weights; a resumed run must end as the whole one with each. */
export const tinyVariants = {
  momentum: {},
  "accumulation and a chain": {
    accumulate: 2,
    optimizer: chain(
      clipByGlobalNorm(1),
      weightDecay(1e-3),
      momentum({ nesterov: true }),
      scaleBy((name) => (name.endsWith("neuron.w") ? 0.5 : 1)),
    ),
  },
  "AdamW, averages and a warm-up": {
    averageDecay: 0.75,
    optimizer: adamW({ where: (name) => !name.includes("norm") }),
    learningRate: warmup({ steps: 4 }, 0.003),
  },
};

/** Dropout is there so that a wrong seed after a resume shows. */
export function tinyModel() {
  return network("c2-BN-PLIF-SEW-MPk2-DP-FC2", { height: 4, width: 4, dropout: 0.25, seed: 3 });
}

export function tinyOptions(out) {
  return {
    model: tinyModel(),
    data: tinyData,
    out,
    epochs: 3,
    learningRate: stepDecay({ learningRate: 0.05, epochs: 2 }),
    seed: 11,
    settings: { model: "tiny", batchSize: SHAPE[1] },
    progress: silentProgress,
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [, , out, variant, resume] = process.argv;
  await setBackend("cpu");
  // A limit on file sizes is to be an error of the write, not the end of the process.
  process.on("SIGXFSZ", () => {});
  /** Time enough for a parent to hear of a step before the next one. */
  const slowed = (source) => ({
    ...source,
    async *epoch(options) {
      for await (const batch of source.epoch(options)) {
        await setTimeout(60);
        yield batch;
      }
    },
  });
  const options = {
    ...tinyOptions(out),
    ...tinyVariants[variant],
    data: { train: slowed(tinyData.train), test: slowed(tinyData.test) },
    resume: resume === "resume",
    checkpointSeconds: 0,
    progress: {
      ...silentProgress,
      batch: ({ phase, epoch, batch }) => process.stdout.write(`${phase} ${epoch} ${batch}\n`),
    },
  };
  const { stopped } = await train(options);
  if (!stopped) await saveWeights(options.model, join(out, "final.safetensors"));
  process.stdout.write(stopped ? "stopped\n" : "finished\n");
}
