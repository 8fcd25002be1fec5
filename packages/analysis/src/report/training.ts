import type { EpochRecord } from "../reportData.js";
import { bestEpoch } from "./bestEpoch.js";
import { duration, fixed, percent, short } from "./format.js";
import { type Html, html } from "./html.js";
import { key } from "./key.js";
import { lineChart } from "./lineChart.js";

/** Loss, accuracy and learning rate over the epochs; the numbers in tables. */
export function training(history: readonly EpochRecord[]): Html | undefined {
  if (history.length === 0) return undefined;
  const best = bestEpoch(history);
  const varies = new Set(history.map(({ learningRate: rate }) => rate)).size > 1;
  const marked = history.filter((_, i) => i === best || i === history.length - 1);
  return html`<section>
<h2>Training</h2>
<div class="pair">
${loss(history)}
${accuracy(history, history[best])}
${varies ? learningRate(history) : undefined}
${epochTable(marked, columns.slice(0, 4), history[best])}
</div>
${history.length > marked.length ? allEpochs(history, history[best]) : undefined}
</section>`;
}

const trainAndTest = html`${key("second", "train", "line")} ${key("first", "test", "line")}`;

function loss(history: readonly EpochRecord[]): Html {
  const [train, test] = [
    history.map(({ trainLoss }) => trainLoss),
    history.map(({ testLoss = Number.NaN }) => testLoss),
  ];
  return html`<figure>
<figcaption><b>Loss</b> ${trainAndTest}</figcaption>
${lineChart({
  id: "loss",
  label: `Loss over ${epochs(history)}, at the end ${fixed(4)(train.at(-1)!)} in training and ${fixed(4)(test.at(-1)!)} in test`,
  history,
  format: short,
  lines: [
    { values: train, colour: "second" },
    { values: test, colour: "first" },
  ],
})}
</figure>`;
}

function accuracy(history: readonly EpochRecord[], best: EpochRecord | undefined): Html {
  const [train, test] = [
    history.map(({ trainTop1 }) => trainTop1),
    history.map(({ testTop1 = Number.NaN }) => testTop1),
  ];
  const text = best && `best ${percent(best.testTop1!)}, epoch ${best.epoch + 1}`;
  return html`<figure>
<figcaption><b>Accuracy</b>, top-1 ${trainAndTest}</figcaption>
${lineChart({
  id: "accuracy",
  label:
    `Top-1 accuracy over ${epochs(history)}, at the end ${percent(train.at(-1)!)} in training and ` +
    `${percent(test.at(-1)!)} in test${text === undefined ? "" : `; ${text}`}`,
  history,
  top: { value: 1, interval: 0.25 },
  format: (value) => `${Math.round(100 * value)} %`,
  lines: [
    { values: train, colour: "second" },
    { values: test, colour: "first", ...(best && text && { mark: { index: history.indexOf(best), text } }) },
  ],
})}
</figure>`;
}

function learningRate(history: readonly EpochRecord[]): Html {
  const rates = history.map(({ learningRate: rate }) => rate);
  return html`<figure>
<figcaption><b>Learning rate</b></figcaption>
${lineChart({
  id: "learning-rate",
  label: `Learning rate over ${epochs(history)}, from ${short(rates[0]!)} to ${short(rates.at(-1)!)}`,
  history,
  height: 160,
  format: short,
  lines: [{ values: rates, colour: "first" }],
})}
</figure>`;
}

/** The columns of a table of epochs; a short one has the first four. */
const columns: readonly (readonly [string, (record: EpochRecord) => string])[] = [
  ["Train loss", ({ trainLoss }) => fixed(4)(trainLoss)],
  ["Train top-1", ({ trainTop1 }) => percent(trainTop1)],
  ["Test loss", ({ testLoss = Number.NaN }) => fixed(4)(testLoss)],
  ["Test top-1", ({ testTop1 = Number.NaN }) => percent(testTop1)],
  ["Learning rate", ({ learningRate: rate }) => short(rate)],
  ["Time", ({ seconds }) => duration(seconds)],
  ["Samples/s", ({ samplesPerSecond }) => fixed(1)(samplesPerSecond)],
];

function epochTable(records: readonly EpochRecord[], shown: typeof columns, best: EpochRecord | undefined): Html {
  return html`<div class="scroll"><table class="numbers">
<thead><tr><th scope="col">Epoch</th>${shown.map(([name]) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${records.map(
    (record) => html`
<tr><th scope="row">${record.epoch + 1}${record === best ? ", best" : ""}</th>${shown.map(([, write]) => html`<td>${write(record)}</td>`)}</tr>`,
  )}
</tbody></table></div>`;
}

function allEpochs(history: readonly EpochRecord[], best: EpochRecord | undefined): Html {
  return html`<details><summary>All ${epochs(history)}</summary>
${epochTable(history, columns, best)}
</details>`;
}

function epochs(history: readonly EpochRecord[]): string {
  return history.length === 1 ? "1 epoch" : `${history.length} epochs`;
}
