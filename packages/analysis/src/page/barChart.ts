import { axisText, chart, ink, unitOf } from "./chart.js";
import { fixed, short } from "./format.js";
import { type Content, type Html, html } from "./html.js";
import { legend, stylesOf } from "./series.js";

/** Bars of one colour in a {@link barChart}. */
export interface Bars {
  /** Their name in the legend. @defaultValue none: the bars have no entry there */
  readonly name?: Content;
  /** One value for each name; `undefined` has no bar. */
  readonly values: readonly (number | undefined)[];
}

/** Options of {@link barChart}. */
export interface BarChartOptions {
  /** What the chart shows. */
  readonly title: string;
  /** What is compared, from top to bottom. Of names longer than 28 characters the end is shown. */
  readonly names: readonly string[];
  /** 1 to 4 bars for each name. */
  readonly bars: readonly Bars[];
  /** Writes a value. @defaultValue three digits after the point */
  readonly format?: (value: number) => string;
}

/** Thickness of a bar, and the height that all bars leave free, in pixels. */
const BAR = 10;
const FRAME = 34;
const LONGEST_NAME = 28;
const MOST_BARS = 4;

/**
 * A chart that compares values by name, such as the layers of a network: a figure with horizontal bars, its title,
 * legend and text alternative. The page shows whole names and values under the pointer, a finger or the arrow keys.
 *
 * @throws RangeError when there are no names, no or too many bars for each, or not one value for each name
 *
 * @example
 * const chart = barChart({ title: "Operations", names: ["stem", "block0"], bars: [{ values: [1.2, 0.3] }] });
 * chart.text.includes('aria-label="Operations: stem 1.200; block0 0.300"'); // true
 */
export function barChart({ title, names, bars, format = fixed(3) }: BarChartOptions): Html {
  check(names, bars);
  const styles = stylesOf(bars.map(({ name }) => name));
  const unit = unitOf(bars.flatMap(({ values }) => values.filter(hasBar)));
  const height = FRAME + names.length * (bars.length * 1.2 + 1) * BAR;
  return html`<figure>
<figcaption><b>${title}</b>${legend(
    bars.map(({ name }) => name),
    styles,
    "square",
  )}</figcaption>
${chart({
  label: `${title}: ${names.map((name, i) => `${name} ${valuesAt(i, bars).map(format).join(" and ")}`).join("; ")}`,
  width: 460,
  height,
  option: {
    // Fonts are wider than ECharts expects of some.
    grid: { left: 20, right: 44, top: 4, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: {
      type: "value",
      splitNumber: 4,
      axisLabel: { ...axisText, formatter: (value: number) => short(value * unit) },
      splitLine: { lineStyle: { color: ink.line } },
    },
    yAxis: {
      type: "category",
      inverse: true,
      data: names.map(endOf),
      axisLabel: { ...axisText, interval: 0 },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: ink.line } },
    },
    series: bars.map(({ values }, i) => ({
      type: "bar",
      silent: true,
      barWidth: BAR,
      barGap: "20%",
      itemStyle: { color: styles[i]!.colour, borderRadius: [0, 2, 2, 0] },
      label: {
        show: true,
        position: "right",
        color: ink.muted,
        fontSize: 11,
        formatter: ({ value }: { value: unknown }) => (typeof value === "number" ? format(value * unit) : ""),
      },
      data: values.map((value) => (hasBar(value) ? value / unit : null)),
    })),
  },
  values: (pixelOf) => ({
    kind: "bars",
    // Half a band lies beyond the first and the last name.
    plot: plotOf(pixelOf(0, 0), pixelOf(0, names.length - 1), names.length, height),
    names,
    bars: bars.map(({ name, values }, i) => ({
      name: textOf(name),
      colour: styles[i]!.colour,
      texts: values.map((value) => (hasBar(value) ? format(value) : null)),
    })),
  }),
})}
</figure>`;
}

function check(names: readonly string[], bars: readonly Bars[]): void {
  if (names.length === 0) throw new RangeError("barChart: names must hold at least 1 name, got none");
  if (bars.length < 1 || bars.length > MOST_BARS) {
    throw new RangeError(`barChart: bars must be 1 to ${MOST_BARS} for each name, got ${bars.length}`);
  }
  const other = bars.find(({ values }) => values.length !== names.length);
  if (other !== undefined) {
    throw new RangeError(
      `barChart: bars must have 1 value for each of ${names.length} names, got ${other.values.length} values`,
    );
  }
}

/** The pixels of the bands of all names, from the middle of the first and of the last. */
function plotOf(
  [left, first]: readonly [number, number],
  [, last]: readonly [number, number],
  count: number,
  height: number,
): readonly [number, number, number, number] {
  const half = count > 1 ? (last - first) / (count - 1) / 2 : (height - FRAME) / 2;
  return [left, first - half, left, last + half];
}

/** A name without its tags. */
function textOf(name: Content): string {
  const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
  return html`${name}`.text.replaceAll(/<[^>]*>/g, "").replaceAll(/&(amp|lt|gt|quot|#39);/g, (_, of) => entities[of]!);
}

/** The values of a name that have bars. */
function valuesAt(index: number, bars: readonly Bars[]): number[] {
  return bars.flatMap(({ values }) => {
    const value = values[index];
    return hasBar(value) ? [value] : [];
  });
}

function hasBar(value: number | undefined): value is number {
  return Number.isFinite(value);
}

/** The end of a name, which tells a module's path from others. */
function endOf(name: string): string {
  return name.length > LONGEST_NAME ? `…${name.slice(1 - LONGEST_NAME)}` : name;
}
