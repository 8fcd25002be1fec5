/** @file From the sources of an experiment to batches. */

import { createLoader, type Loader, type Source, split, temporalDelete } from "@sew/datasets";
import { printable } from "@sew/kernels";
import type { Experiment, Preparation, Sources } from "./experiment.js";
import type { Settings } from "./settings.js";

/** Samples per batch in evaluations: larger batches would gain nothing. */
const EVALUATION_BATCH = 8;

/** Data ready to train on. */
export interface OpenedData {
  readonly sources: Sources;
  readonly train: Loader;
  readonly validation?: Loader;
  readonly test?: Loader;
  close(): Promise<void>;
}

/** Shows how far a slow preparation is, at most once a second, on one line of a terminal or several of a file. */
const showPreparation: Preparation = (what) => {
  let last = 0;
  const started = performance.now();
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
  const sources = divided(await dataset.open(settings, showPreparation), settings);
  const all = dataset.allTransforms?.(settings) ?? [];
  const deleting = trainFrames !== undefined && trainFrames < sources.train.shape[0]!;
  const transforms = [
    ...(deleting ? [temporalDelete({ keep: trainFrames })] : []),
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
    async close() {
      for (const loader of [train, validation, test]) await loader?.close();
    },
  };
}

function divided(sources: Sources, { validation, seed, dataset }: Settings): Sources {
  if (validation === undefined) return sources;
  if (sources.validation !== undefined) {
    throw new RangeError(`--validation: ${dataset} must have no validation data of its own, got some; leave it out`);
  }
  return { ...sources, ...split(sources.train, { validation, seed }) };
}
