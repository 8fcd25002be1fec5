import type { EpochRecord } from "../epochRecord.js";
import { short } from "../page/format.js";
import { type Content, type Html, html } from "../page/html.js";
import { type Line, type LineChartOptions, lineChart } from "../page/lineChart.js";
import { type Section, section, sideBySide } from "../page/section.js";
import { table } from "../page/table.js";
import { bestEpoch } from "./bestEpoch.js";

/** How {@link measuresSection} introduces what it draws. */
export interface MeasuresOptions {
  /** A sentence below the heading, such as on how many samples was measured. @defaultValue none */
  readonly lead?: Content;
}

/** Most blocks or layers whose curves are drawn; of more, some are, from the first to the last. */
const MOST_LINES = 8;

/**
 * What was measured of the network over the epochs: its accuracy by time-steps, gradient norms and firing rates of its blocks,
 * and learned time constants, as far as the history has them. Epochs without a measurement are passed over. Where there are more
 * than 8 blocks or layers, 8 are drawn, and a table has the last values of all.
 *
 * @param history the epochs in order
 * @param title the heading. @defaultValue `"Inside the network"`
 * @returns no section where nothing was measured
 *
 * @example
 * const epochs = { trainLoss: 0.5, trainTop1: 0.8, learningRate: 0.1, seconds: 3, samplesPerSecond: 20 };
 * const history = [{ epoch: 0, gradientNorms: { block0: 0.2, block1: 0.1 }, ...epochs }];
 * measuresSection(history)?.text.includes("Gradient norm"); // true
 */
export function measuresSection(
  history: readonly EpochRecord[],
  title = "Inside the network",
  { lead }: MeasuresOptions = {},
): Section | undefined {
  const charts = [
    stepsChart(history),
    overEpochs("Gradient norm ‖∂L/∂O‖ of blocks", history, ({ gradientNorms }) => gradientNorms, { scale: "log" }),
    byDepth(history),
    overEpochs("Firing rate of residual paths, A", history, ratesOf("residual")),
    overEpochs("Mean output of blocks, O", history, ratesOf("output")),
    overEpochs("Learned time constant τ, in time-steps", history, ({ timeConstants }) => timeConstants, {
      fromZero: false,
    }),
  ].filter((chart) => chart !== undefined);
  return charts.length === 0
    ? undefined
    : section(title, lead !== undefined && html`<p class="lead">${lead}</p>\n`, sideBySide(...charts));
}

type Measure = (record: EpochRecord) => Readonly<Record<string, number | undefined>> | undefined;

function ratesOf(part: "residual" | "output"): Measure {
  return ({ firingRates }) =>
    firingRates && Object.fromEntries(Object.entries(firingRates).map(([block, rates]) => [block, rates[part]]));
}

/** A curve for each block or layer. */
function overEpochs(
  title: string,
  history: readonly EpochRecord[],
  of: Measure,
  axis: Pick<LineChartOptions, "scale" | "fromZero"> = {},
): Html | undefined {
  const measured = history.filter((record) => Object.values(of(record) ?? {}).some((value) => value !== undefined));
  const names = [...new Set(measured.flatMap((record) => Object.keys(of(record)!)))];
  const drawn = evenly(names, MOST_LINES);
  if (drawn.length === 0) return undefined;
  const lines = drawn.map((name): Line => ({ name, values: measured.map((record) => of(record)![name]) }));
  const chart = lineChart({ title, x: measured.map(({ epoch }) => epoch + 1), lines, ...axis });
  if (drawn.length === names.length) return chart;
  const last = measured.at(-1)!;
  const rows = Object.entries(of(last)!).map(([name, value]) => [name, value === undefined ? "–" : short(value)]);
  return html`<div>${chart}<details><summary>${drawn.length} of ${names.length} are drawn; all in epoch ${last.epoch + 1}</summary>
${table(["", title], rows)}</details></div>`;
}

/** The gradient norms along the network, in the first and the last epoch that has them. */
function byDepth(history: readonly EpochRecord[]): Html | undefined {
  const measured = history.filter(({ gradientNorms }) => Object.keys(gradientNorms ?? {}).length > 2);
  if (measured.length === 0) return undefined;
  const shown = [...new Set([measured[0]!, measured.at(-1)!])];
  const norms = shown.map(({ epoch, gradientNorms }) => ({
    name: `epoch ${epoch + 1}`,
    values: Object.values(gradientNorms!),
  }));
  const depth = Math.min(...norms.map(({ values }) => values.length));
  return lineChart({
    title: "Gradient norm by depth",
    xName: "block, from the input on",
    scale: "log",
    lines: norms.map(({ name, values }) => ({ name, values: values.slice(0, depth) })),
  });
}

/** Accuracy by the number of time-steps used, in the best and the last epoch. */
function stepsChart(history: readonly EpochRecord[]): Html | undefined {
  const on = history.some(({ testTop1PerStep }) => testTop1PerStep !== undefined) ? "test" : "validation";
  const best = bestEpoch(history)?.record;
  const last = history.at(-1);
  const lines = [
    ...(best === last ? [] : [{ name: "best epoch", values: best?.[`${on}Top1PerStep`] }]),
    { name: "last epoch", values: last?.[`${on}Top1PerStep`] },
  ].flatMap(({ name, values }) => (values === undefined ? [] : [{ name, values }]));
  if (lines.length === 0 || new Set(lines.map(({ values }) => values.length)).size > 1) return undefined;
  return lineChart({
    title: `Top-1 on ${on} data by time-steps used`,
    xName: "time-steps",
    max: 1,
    format: "percent",
    lines,
  });
}

/** At most so many of a list, evenly spread, with the first and the last. */
function evenly<T>(all: readonly T[], most: number): T[] {
  if (all.length <= most) return [...all];
  return Array.from({ length: most }, (_, i) => all[Math.round((i * (all.length - 1)) / (most - 1))]!);
}
