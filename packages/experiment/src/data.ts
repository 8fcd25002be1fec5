/** @file From the sources of an experiment to batches. */

import { stat } from "node:fs/promises";
import {
  cacheFrames,
  createLoader,
  type EventDataset,
  type Loader,
  type Source,
  split,
  subset,
  temporalDelete,
} from "@sew/datasets";
import { printable, shown } from "@sew/kernels";
import type { Batch } from "@sew/training";
import type { Experiment, ExperimentDataset, Preparation, Sources } from "./experiment.js";
import { recordingRecipe, type Settings } from "./settings.js";

/** Samples per batch in evaluations: larger batches would gain nothing. */
const EVALUATION_BATCH = 8;

/** Data ready to train on. */
export interface OpenedData {
  readonly sources: Sources;
  readonly train: Loader;
  readonly validation?: Loader;
  readonly test?: Loader;
  /** Some samples of the validation or test data, transformed as in evaluations, as one batch. */
  read(on: "validation" | "test", indices: readonly number[]): Promise<Batch>;
  close(): Promise<void>;
}

/** Shows how far a slow preparation is, at most once a second, on one line of a terminal or several of a file. */
export const showPreparation: Preparation = (what) => {
  const started = performance.now();
  let last = started;
  return (done, total) => {
    const now = performance.now();
    if (done < total && now - last < 1000) return;
    last = now;
    const left = Math.round((((now - started) / 1000) * (total - done)) / done);
    const rest = done > 0 && done < total ? `, about ${left} s left` : "";
    const text = printable(`${what}: ${done}/${total}${rest}`);
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}${done < total ? "" : "\n"}` : `${text}\n`);
  };
};

/** Opens the data set of the settings, with what `--validation` holds out. */
export async function openData<Own extends object>(
  experiment: Experiment<Own>,
  settings: Settings & Own,
): Promise<OpenedData> {
  const { batch, seed, workers, trainFrames } = settings;
  const dataset = experiment.datasets[settings.dataset]!;
  if (dataset.needsData === true) await checkFolder("--data", settings.data!, dataset.title);
  const sources = divided(await sourcesOf(dataset, settings), settings);
  const all = dataset.allTransforms?.(settings) ?? [];
  const [frames = 0] = sources.train.shape;
  const kept = typeof trainFrames === "number" ? trainFrames : frames;
  if (kept > frames) {
    throw new RangeError(
      `--train-frames: samples of ${settings.dataset} must have at least ${kept} frames, got [${sources.train.shape}]; ` +
        "choose fewer, or --train-frames all",
    );
  }
  const transforms = [
    ...(kept < frames ? [temporalDelete({ keep: kept })] : []),
    ...(dataset.transforms?.(settings) ?? []),
    ...all,
  ];
  const train = createLoader(sources.train, { batchSize: batch, shuffle: true, seed, workers, transforms });
  const evaluated = (source: Source | undefined): Loader | undefined =>
    source && createLoader(source, { batchSize: EVALUATION_BATCH, workers, transforms: all });
  const [validation, test] = [evaluated(sources.validation), evaluated(sources.test)];
  return {
    sources,
    train,
    ...(validation !== undefined && { validation }),
    ...(test !== undefined && { test }),
    async read(on, indices) {
      const loader = createLoader(subset(sources[on]!, indices), {
        batchSize: indices.length,
        workers: 0,
        transforms: all,
      });
      try {
        for await (const batch of loader.epoch()) return batch;
        throw new RangeError("read: indices must hold one index or more, got none");
      } finally {
        await loader.close();
      }
    },
    async close() {
      for (const loader of [train, validation, test]) await loader?.close();
    },
  };
}

/** Throws unless an option names a folder. */
export async function checkFolder(option: string, data: string, title: string): Promise<void> {
  const status = await stat(data).catch(() => undefined);
  if (status?.isDirectory()) return;
  const got = `${shown(data)}, which ${status === undefined ? "does not exist" : "is none"}`;
  throw new RangeError(`${option}: dir must be a folder, got ${got}; name the folder of ${title}`);
}

/** The samples of a data set; of recordings both splits as frames, integrated once into the cache. */
async function sourcesOf<Own extends object>(
  dataset: ExperimentDataset<Own>,
  settings: Settings & Own,
): Promise<Sources> {
  if (dataset.open !== undefined) {
    const sources = await dataset.open(settings, showPreparation);
    if (sources?.train !== undefined) return sources;
    throw new TypeError(
      `defineExperiment: open of ${settings.dataset} must return train, the source of training samples, got ${shown(sources)}`,
    );
  }
  const recordings = await dataset.recordings(settings, showPreparation);
  return { train: await framesOf(recordings, "train", settings), test: await framesOf(recordings, "test", settings) };
}

function framesOf(recordings: EventDataset, split: "train" | "test", settings: Settings): Promise<Source> {
  const { cache: dir, frames = recordingRecipe.frames, by = recordingRecipe.by } = settings;
  return cacheFrames(recordings, split, {
    dir,
    frames,
    by,
    onProgress: showPreparation(`integrating ${split} frames`),
  });
}

function divided(sources: Sources, { validation, seed, dataset }: Settings): Sources {
  if (validation === undefined) return sources;
  if (sources.validation !== undefined) {
    throw new RangeError(`--validation: ${dataset} must have no validation data of its own, got some; leave it out`);
  }
  return { ...sources, ...split(sources.train, { validation, seed }) };
}
