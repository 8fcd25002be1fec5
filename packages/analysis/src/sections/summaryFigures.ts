import type { EpochRecord } from "../epochRecord.js";
import type { Figure } from "../page/figures.js";
import { duration, percent, whole } from "../page/format.js";
import { bestEpoch, selectionData } from "./bestEpoch.js";

/** Numbers of a run. The history gives those that are absent, as far as it has them. */
export interface RunSummary {
  /** Accuracy of the weights that the run keeps, from 0 to 1, on test data. @defaultValue that of the best epoch */
  readonly testTop1?: number;
  /** Number of trained values. @defaultValue not shown */
  readonly parameters?: number;
  /** Number of epochs. @defaultValue that of the history */
  readonly epochs?: number;
  /** Training samples per second. @defaultValue the median of the epochs */
  readonly samplesPerSecond?: number;
  /** Duration of the run, in seconds. @defaultValue the sum of the epochs */
  readonly seconds?: number;
}

/**
 * The usual figures at the head of a report: best and final accuracy, epochs, parameters, speed and time. Each accuracy
 * says which data it was measured on.
 *
 * @param history the epochs in order. @defaultValue none
 *
 * @example
 * summaryFigures({ parameters: 5000, seconds: 90 }).map(({ name }) => name); // ["Parameters", "Time"]
 */
export function summaryFigures(summary: RunSummary, history: readonly EpochRecord[] = []): Figure[] {
  const last = history.at(-1);
  const {
    parameters,
    epochs = last && last.epoch + 1,
    samplesPerSecond = last && median(history.map((record) => record.samplesPerSecond)),
    seconds = last && history.reduce((sum, record) => sum + record.seconds, 0),
  } = summary;
  return [
    ...accuracies(summary, history),
    ...figure("Epochs", epochs, whole),
    ...figure("Parameters", parameters, whole),
    ...figure(
      "Samples per second",
      samplesPerSecond,
      (rate) => (rate < 100 ? rate.toFixed(1) : whole(rate)),
      "training",
    ),
    ...figure("Time", seconds, duration),
  ];
}

/** Best, test and final accuracy, as far as they are known and differ in what they say. */
function accuracies(summary: RunSummary, history: readonly EpochRecord[]): Figure[] {
  const best = bestEpoch(history);
  const last = history.at(-1);
  const at = best && `epoch ${best.record.epoch + 1}`;
  const test = summary.testTop1 ?? (best?.on === "validation" ? best.record.testTop1 : undefined);
  const on = selectionData(history);
  const final = on === undefined ? last?.trainTop1 : last?.[`${on}Top1`];
  return [
    ...figure("Best accuracy", best?.top1, percent, best && `${best.on} data, ${at}`),
    ...figure("Test accuracy", test, percent, at),
    ...figure("Final accuracy", final, percent, last && `${on ?? "training"} data, epoch ${last.epoch + 1}`),
  ];
}

function figure(
  name: string,
  value: number | undefined,
  format: (value: number) => string,
  detail?: string,
): [] | [Figure] {
  return value === undefined ? [] : [{ name, value: format(value), ...(detail !== undefined && { detail }) }];
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}
