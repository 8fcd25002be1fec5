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
import type { EpochMetrics, Evaluation } from "@sew/training";
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
  for await (const { x, shape, labels } of loader.epoch()) {
    const input = tensor(x, [...shape]);
    const rates = await firingRates(model, input);
    input.dispose();
    const isImage = shape.length === 5 && shape[4]! <= 3;
    const classes = isImage ? [...new Set(labels)].slice(0, SAMPLES) : [];
    const name = (label: number): string => loader.classes[label]!;
    return { rates, samples: classes.map((label) => sampleOf(x, shape, labels.indexOf(label), name(label))) };
  }
  return undefined;
}

/** One sample `[T, H, W, C]` out of a batch `[T, N, H, W, C]`. */
function sampleOf(x: Float32Array, shape: readonly number[], index: number, className: string): Sample {
  const [steps, batch, ...image] = shape as [number, number, number, number, number];
  const size = image.reduce((a, b) => a * b);
  const frames = new Float32Array(steps * size);
  for (let t = 0; t < steps; t++) {
    const from = (t * batch + index) * size;
    frames.set(x.subarray(from, from + size), t * size);
  }
  return { className, frames, shape: [steps, ...image] };
}
