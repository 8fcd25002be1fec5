/** @file The report of a run. */
import { join } from "node:path";
import {
  confusionSection,
  csv,
  energySection,
  type FiringRates,
  firingRateProbe,
  firingRatesSection,
  measure,
  measuresSection,
  type Sample,
  type Section,
  type SynOps,
  samplesSection,
  settingsSection,
  summaryFigures,
  synOpsProbe,
  synOpsSection,
  trainingSection,
  writeReport,
} from "@sew/analysis";
import type { Loader } from "@sew/datasets";
import { writeAtomic } from "@sew/files";
import type { Module } from "@sew/layers";
import type { Batch, EpochMetrics, Evaluation } from "@sew/training";
import { tensor } from "@tensorflow/tfjs-core";
import type { OpenedData } from "./data.js";

export type { Section };

/** What is known of a run; what is not known yet is left out of its report. */
export interface ReportedRun {
  readonly title: string;
  readonly notation: string;
  readonly notes: readonly string[];
  readonly parameters: number;
  readonly classes: readonly string[];
  readonly history: readonly EpochMetrics[];
  /** Of the best epoch. */
  readonly evaluation?: Evaluation | undefined;
  /** Which data that is on. */
  readonly evaluatedOn?: "validation" | "test" | undefined;
  readonly rates?: FiringRates | undefined;
  readonly ops?: SynOps | undefined;
  /** Samples on which rates and gradients of an epoch are measured. */
  readonly diagnosed: number;
  /** Samples of the evaluated data with what the network predicts. */
  readonly samples?: readonly Sample[] | undefined;
  readonly sections?: readonly Section[];
  /** Command, commit and fingerprints of the data. */
  readonly origin: object;
  readonly configuration: object;
  readonly environment: object;
}

/** File in the folder of a run that has ended by itself: its synaptic operations by layer. */
export const OPERATIONS_CSV = "synops.csv";

/** Writes `report.html` into a run's folder, and its numbers for spreadsheets: `metrics.csv` by epoch, `synops.csv` by layer. */
export async function writeRunReport(folder: string, run: ReportedRun): Promise<void> {
  const { title, notation, notes, parameters, history, evaluation, evaluatedOn, rates, ops, samples = [] } = run;
  const confusion = evaluation && { counts: evaluation.confusion, classNames: run.classes };
  const measured = evaluatedOn === "test" && evaluation !== undefined;
  const diagnosed = history.some(({ gradientNorms, firingRates }) => gradientNorms ?? firingRates);
  const lead =
    `After an epoch, firing rates are measured on ${run.diagnosed} samples of the evaluation data, gradient norms on ` +
    `${run.diagnosed} of the training data. Once training has ended, “Firing rates” has those of the best weights on a whole batch.`;
  await writeReport(join(folder, "report.html"), {
    title,
    subtitle: notation,
    notes,
    figures: summaryFigures({ parameters, ...(measured && { testTop1: evaluation.top1 }) }, history),
    sections: [
      trainingSection(history),
      confusion && confusionSection(confusion, `Confusion matrix, ${evaluatedOn} data`),
      samplesSection(samples, evaluatedOn === undefined ? "Samples" : `Predictions, ${evaluatedOn} data`, {
        longestSide: LONGEST_SIDE,
      }),
      rates && firingRatesSection(rates),
      measuresSection(history, undefined, diagnosed ? { lead } : {}),
      ops && synOpsSection(ops),
      ops && energySection(ops),
      ...(run.sections ?? []),
      settingsSection({
        Origin: run.origin,
        Configuration: run.configuration,
        Environment: run.environment,
      }),
    ],
  });
  const write = (name: string, text: string) => writeAtomic(join(folder, name), [Buffer.from(text)], "report");
  await write("metrics.csv", csv(history));
  if (ops !== undefined) await write(OPERATIONS_CSV, csv(ops.layers));
}

/** Longest side of a sample's frames, in pixels: the pictures stay small, and are drawn quickly. */
const LONGEST_SIDE = 96;

/** Samples that a report shows. */
const SAMPLES = 4;

/** Samples with predictions that a report shows, and how many of them are wrong where there are so many. */
const [PREDICTED, WRONG] = [6, 4];

/** Firing rates and synaptic operations of the first batch of a loader; nothing where it is empty. */
export async function activityOf(
  model: Module,
  loader: Loader,
): Promise<{ readonly rates?: FiringRates; readonly ops?: SynOps }> {
  const batch = await firstBatch(loader);
  if (batch === undefined) return {};
  const input = tensor(batch.x, [...batch.shape]);
  const probes = { rates: firingRateProbe(), ops: synOpsProbe() };
  return await measure(model, input, probes).finally(() => input.dispose());
}

/** Samples of the evaluated data beside their predictions: wrong ones of as many classes as possible, and right ones. */
export async function predictedSamples(
  data: OpenedData,
  on: "validation" | "test",
  { predictions }: Evaluation,
): Promise<Sample[]> {
  const { classes, labels, shape } = data.sources[on]!;
  if (shape.length !== 4 || shape[3]! > 3) return [];
  const all = [...predictions.keys()];
  const wrong = spreadOver(
    all.filter((i) => predictions[i] !== labels[i]),
    labels,
  );
  const right = spreadOver(
    all.filter((i) => predictions[i] === labels[i]),
    labels,
  );
  const few = wrong.slice(0, Math.max(WRONG, PREDICTED - right.length));
  const indices = [...few, ...right.slice(0, PREDICTED - few.length)];
  const batch = await data.read(on, indices);
  return indices.map((index, n) => ({
    ...sampleOf(batch, n, classes),
    predicted: classes[predictions[index]!]!,
  }));
}

/** Indices in an order in which each class comes once before any comes again. */
function spreadOver(indices: readonly number[], labels: ArrayLike<number>): number[] {
  const seen = new Map<number, number>();
  const rounds = indices.map((index) => {
    const round = seen.get(labels[index]!) ?? 0;
    seen.set(labels[index]!, round + 1);
    return { index, round };
  });
  return rounds.toSorted((a, b) => a.round - b.round).map(({ index }) => index);
}

/** The first batch that a loader yields in its first epoch; undefined where it is empty. */
export async function firstBatch(loader: Loader): Promise<Batch | undefined> {
  for await (const batch of loader.epoch()) return batch;
  return undefined;
}

/** A sample of each of the first classes of a batch; none where they are no images. */
export function samplesOf(batch: Batch, classes: readonly string[]): Sample[] {
  const { shape, labels } = batch;
  if (shape.length !== 5 || shape[4]! > 3) return [];
  const shown = [...new Set(labels)].slice(0, SAMPLES);
  return shown.map((label) => sampleOf(batch, labels.indexOf(label), classes));
}

/** One sample of a batch of images. */
function sampleOf(batch: Batch, index: number, classes: readonly string[]): Sample {
  const { x, shape } = pick(batch, [index]);
  const [steps, , ...image] = shape as [number, number, number, number, number];
  return { className: classes[batch.labels[index]!]!, frames: x, shape: [steps, ...image] };
}

/** Some samples of a batch `[T, N, ...]`. */
export function pick({ x, shape, labels }: Batch, indices: readonly number[]): Batch & { readonly x: Float32Array } {
  const [steps, samples, ...rest] = shape as [number, number, ...number[]];
  const size = rest.reduce((a, b) => a * b, 1);
  const picked = new Float32Array(steps * indices.length * size);
  for (let t = 0; t < steps; t++) {
    for (const [n, index] of indices.entries()) {
      const from = (t * samples + index) * size;
      picked.set(x.subarray(from, from + size), (t * indices.length + n) * size);
    }
  }
  return { x: picked, shape: [steps, indices.length, ...rest], labels: Int32Array.from(indices, (i) => labels[i]!) };
}
