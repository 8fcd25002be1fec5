/** @file The report of a run. */
import { join } from "node:path";
import {
  confusionSection,
  type FiringRates,
  firingRates,
  firingRatesSection,
  type Sample,
  type Section,
  samplesSection,
  settingsSection,
  summaryFigures,
  trainingSection,
  writeReport,
} from "@sew/analysis";
import type { Loader } from "@sew/datasets";
import type { Module } from "@sew/layers";
import type { Batch, EpochMetrics, Evaluation } from "@sew/training";
import { tensor } from "@tensorflow/tfjs-core";

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
  readonly look?: Look | undefined;
  readonly sections?: readonly Section[];
  readonly configuration: object;
  readonly environment: object;
}

/** Writes `report.html` into a run's folder. */
export async function writeRunReport(folder: string, run: ReportedRun): Promise<void> {
  const { title, notation, notes, parameters, history, evaluation, evaluatedOn, look } = run;
  const confusion = evaluation && { counts: evaluation.confusion, classNames: run.classes };
  const measured = evaluatedOn === "test" && evaluation !== undefined;
  await writeReport(join(folder, "report.html"), {
    title,
    subtitle: notation,
    notes,
    figures: summaryFigures({ parameters, ...(measured && { testTop1: evaluation.top1 }) }, history),
    sections: [
      trainingSection(history),
      confusion && confusionSection(confusion, `Confusion matrix, ${evaluatedOn} data`),
      look && firingRatesSection(look.rates),
      look && samplesSection(look.samples),
      ...(run.sections ?? []),
      settingsSection({ Configuration: run.configuration, Environment: run.environment }),
    ],
  });
}

/** What a batch shows: its firing rates, and a few of its samples as the network receives them. */
export interface Look {
  readonly rates: FiringRates;
  readonly samples: readonly Sample[];
}

/** Samples that a report shows. */
const SAMPLES = 4;

/** Looks at the first batch of a loader. */
export async function lookAt(model: Module, loader: Loader): Promise<Look | undefined> {
  const batch = await firstBatch(loader);
  if (batch === undefined) return undefined;
  const input = tensor(batch.x, [...batch.shape]);
  const rates = await firingRates(model, input);
  input.dispose();
  return { rates, samples: samplesOf(batch, loader.classes) };
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
  return shown.map((label) => {
    const { x, shape } = pick(batch, [labels.indexOf(label)]);
    const [steps, , ...image] = shape as [number, number, number, number, number];
    return { className: classes[label]!, frames: x, shape: [steps, ...image] };
  });
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
