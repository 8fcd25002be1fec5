import type { EpochRecord, ReportSummary } from "../reportData.js";
import { bestEpoch } from "./bestEpoch.js";
import { duration, percent, whole } from "./format.js";
import { type Html, html } from "./html.js";

/** The figures at the head: those given, and those that the history has. */
export function tiles(summary: ReportSummary, history: readonly EpochRecord[]): Html | undefined {
  const found = { ...fromHistory(history), ...summary };
  const { bestTop1, bestEpoch, finalTop1, epochs, parameters, samplesPerSecond, seconds } = found;
  const shown = [
    tile("Best accuracy", bestTop1, percent, bestEpoch === undefined ? undefined : `epoch ${bestEpoch + 1}`),
    tile("Final accuracy", finalTop1, percent, epochs === undefined ? undefined : `epoch ${epochs}`),
    tile("Epochs", epochs, whole),
    tile("Parameters", parameters, whole),
    tile(
      "Samples per second",
      samplesPerSecond,
      (value) => (value < 100 ? value.toFixed(1) : whole(value)),
      "training",
    ),
    tile("Time", seconds, duration),
  ].filter((each) => each !== undefined);
  return shown.length === 0 ? undefined : html`<dl class="tiles">${shown}</dl>`;
}

function tile(
  name: string,
  value: number | undefined,
  format: (value: number) => string,
  detail?: string,
): Html | undefined {
  if (value === undefined) return undefined;
  return html`
<div><dt>${name}</dt><dd>${format(value)}</dd>${detail && html`<dd class="detail">${detail}</dd>`}</div>`;
}

function fromHistory(history: readonly EpochRecord[]): ReportSummary {
  const last = history.at(-1);
  if (last === undefined) return {};
  const best = history[bestEpoch(history)];
  return {
    ...(best && { bestTop1: best.testTop1!, bestEpoch: best.epoch }),
    ...(last.testTop1 !== undefined && { finalTop1: last.testTop1 }),
    epochs: last.epoch + 1,
    samplesPerSecond: median(history.map(({ samplesPerSecond }) => samplesPerSecond)),
    seconds: history.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}
