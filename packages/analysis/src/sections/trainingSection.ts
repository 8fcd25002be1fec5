import type { EpochRecord } from "../epochRecord.js";
import { duration, fixed, percent, short } from "../page/format.js";
import { type Content, type Html, html } from "../page/html.js";
import { type Line, lineChart } from "../page/lineChart.js";
import { type Section, section, sideBySide } from "../page/section.js";
import { table } from "../page/table.js";
import { type BestEpoch, bestEpoch } from "./bestEpoch.js";

/**
 * Loss, accuracy and learning rate over the epochs, and the numbers in tables. Curves of validation and test data are
 * there where the history has them; the best epoch is that of the highest validation accuracy, else test accuracy.
 *
 * @param history the epochs in order, such as those of `@sew/training`
 * @param title the heading. @defaultValue `"Training"`
 * @returns no section where there are no epochs
 * @throws RangeError when the epochs are not in order or an accuracy is above 1
 *
 * @example
 * const epochs = { trainLoss: 0.5, trainTop1: 0.8, learningRate: 0.1, seconds: 3, samplesPerSecond: 20 };
 * const history = [{ epoch: 0, validationTop1: 0.75, ...epochs }];
 * trainingSection(history)?.text.includes("Best on validation data: 75.0"); // true
 */
export function trainingSection(history: readonly EpochRecord[], title = "Training"): Section | undefined {
  const last = history.at(-1);
  if (last === undefined) return undefined;
  check(history);
  const best = bestEpoch(history);
  const varies = new Set(history.map(({ learningRate }) => learningRate)).size > 1;
  return section(
    title,
    best && html`<p class="lead">${sentenceOn(best)}</p>\n`,
    sideBySide(
      loss(history),
      accuracy(history, best),
      ...(varies ? [learningRate(history)] : []),
      keyEpochs(history, [...new Set([best?.record ?? last, last])], best),
    ),
    history.length > 1 && allEpochs(history, best),
  );
}

function check(history: readonly EpochRecord[]): void {
  for (const [i, { epoch, trainTop1, validationTop1 = 0, testTop1 = 0 }] of history.entries()) {
    const before = history[i - 1]?.epoch;
    if (before !== undefined && !(epoch > before)) {
      throw new RangeError(`trainingSection: history must be in the order of epochs, got ${epoch} after ${before}`);
    }
    const above = [trainTop1, validationTop1, testTop1].find((top1) => top1 > 1);
    if (above !== undefined) {
      throw new RangeError(
        `trainingSection: history must hold accuracies from 0 to 1, got ${above} in epoch ${epoch}; divide percentages by 100`,
      );
    }
  }
}

function sentenceOn({ on, top1, record }: BestEpoch): string {
  const best = `Best on ${on} data: ${percent(top1)}, epoch ${record.epoch + 1}.`;
  if (on === "test") return `${best} Without validation data, the epoch is chosen on the data that it is measured on.`;
  return record.testTop1 === undefined
    ? best
    : `${best} Accuracy on test data in that epoch: ${percent(record.testTop1)}.`;
}

/** The data of a curve, the best epoch's first. */
const splits = ["validation", "test", "train"] as const;

/** The curves of the splits that the history has. */
function curves(history: readonly EpochRecord[], metric: "Loss" | "Top1"): Line[] {
  return splits
    .map((name) => ({ name, values: history.map((record) => record[`${name}${metric}`]) }))
    .filter(({ values }) => values.some((value) => value !== undefined));
}

function loss(history: readonly EpochRecord[]): Html {
  return lineChart({ title: "Loss", x: positions(history), lines: curves(history, "Loss") });
}

function accuracy(history: readonly EpochRecord[], best: BestEpoch | undefined): Html {
  const mark = best && {
    index: history.indexOf(best.record),
    text: `best ${percent(best.top1)}, epoch ${best.record.epoch + 1}`,
  };
  return lineChart({
    title: "Top-1 accuracy",
    x: positions(history),
    max: 1,
    format: "percent",
    lines: curves(history, "Top1").map((line) => ({ ...line, ...(mark && line.name === best.on && { mark }) })),
  });
}

function learningRate(history: readonly EpochRecord[]): Html {
  const values = history.map((record) => record.learningRate);
  return lineChart({ title: "Learning rate", x: positions(history), height: 160, lines: [{ values }] });
}

/** Epochs counted from 1. */
function positions(history: readonly EpochRecord[]): number[] {
  return history.map(({ epoch }) => epoch + 1);
}

/** A number of an epoch: its name, and how it is written; undefined where the epoch does not have it. */
interface Metric {
  readonly name: string;
  readonly write: (record: EpochRecord) => string | undefined;
}

function metric(
  name: string,
  value: (record: EpochRecord) => number | undefined,
  format: (value: number) => string,
): Metric {
  return {
    name,
    write: (record: EpochRecord) => {
      const number = value(record);
      return number === undefined ? undefined : format(number);
    },
  };
}

const losses: readonly Metric[] = [
  metric("Train loss", (record) => record.trainLoss, fixed(4)),
  metric("Train top-1", (record) => record.trainTop1, percent),
  metric("Validation loss", (record) => record.validationLoss, fixed(4)),
  metric("Validation top-1", (record) => record.validationTop1, percent),
  metric("Test loss", (record) => record.testLoss, fixed(4)),
  metric("Test top-1", (record) => record.testTop1, percent),
];

const others: readonly Metric[] = [
  metric("Learning rate", (record) => record.learningRate, short),
  metric("Time", (record) => record.seconds, duration),
  metric("Samples/s", (record) => record.samplesPerSecond, fixed(1)),
  metric("Waiting for data", (record) => record.dataWait, percent),
];

/** The metrics that any of the epochs has. */
function present(metrics: readonly Metric[], history: readonly EpochRecord[]): readonly Metric[] {
  return metrics.filter(({ write }) => history.some((record) => write(record) !== undefined));
}

/** The best and the last epoch, a column for each. */
function keyEpochs(history: readonly EpochRecord[], shown: readonly EpochRecord[], best: BestEpoch | undefined): Html {
  const rows = present(losses, history).map(({ name, write }): Content[] => [name, ...shown.map(write)]);
  return table(["Epoch", ...shown.map((record) => nameOf(record, best))], rows);
}

function allEpochs(history: readonly EpochRecord[], best: BestEpoch | undefined): Html {
  const metrics = present([...losses, ...others], history);
  const rows = history.map((record): Content[] => [nameOf(record, best), ...metrics.map(({ write }) => write(record))]);
  return html`
<details><summary>All ${history.length} epochs</summary>
${table(["Epoch", ...metrics.map(({ name }) => name)], rows)}
</details>`;
}

function nameOf(record: EpochRecord, best: BestEpoch | undefined): string {
  return `${record.epoch + 1}${record === best?.record ? ", best" : ""}`;
}
