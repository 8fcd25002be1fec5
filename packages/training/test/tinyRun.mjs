/** @file A run of seconds, for tests: in this process, or as a program that tests may kill: `tinyRun.mjs OUT [resume]`. */
import { random } from "@sew/random";
import "@tensorflow/tfjs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { network } from "@sew/models";
import { saveWeights, silentProgress, step, train } from "@sew/training";
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
  trainBatches: BATCHES,
  async *train(epoch, startBatch) {
    for (let i = startBatch; i < BATCHES; i++) yield tinyBatch(1000 * epoch + i);
  },
  async *test() {
    for (let i = 0; i < 2; i++) yield tinyBatch(1_000_000 + i);
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
    rate: step({ lr: 0.05, size: 2 }),
    seed: 11,
    settings: { model: "tiny", batchSize: SHAPE[1] },
    progress: silentProgress,
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [, , out, resume] = process.argv;
  await setBackend("cpu");
  /** Time enough for a parent to hear of a step before the next one. */
  async function* slowed(batches) {
    for await (const batch of batches) {
      await setTimeout(60);
      yield batch;
    }
  }
  const options = {
    ...tinyOptions(out),
    data: {
      ...tinyData,
      train: (epoch, startBatch) => slowed(tinyData.train(epoch, startBatch)),
      test: () => slowed(tinyData.test()),
    },
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
