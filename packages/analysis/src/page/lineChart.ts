import { axisText, chart, ink, unitOf } from "./chart.js";
import { short } from "./format.js";
import { type Html, html } from "./html.js";
import { colourOf, dashOf, legend, mostSeries } from "./series.js";

/** A line of a {@link lineChart}. */
export interface Line {
  /** Its name in the legend. @defaultValue none: the line has no entry there */
  readonly name?: string;
  /** One value for each position. `undefined` is skipped; NaN and infinity leave a gap. */
  readonly values: readonly (number | undefined)[];
  /** The least and the greatest value at each position, shaded behind the line. @defaultValue none */
  readonly range?: readonly (readonly [least: number, greatest: number] | undefined)[];
  /** A point to circle, and the text beside it. @defaultValue none */
  readonly mark?: Mark;
}

/** A marked point of a line. */
export interface Mark {
  /** Position of the point in the line's values. */
  readonly index: number;
  readonly text: string;
}

/** Options of {@link lineChart}. */
export interface LineChartOptions {
  /** What the chart shows, such as `"Loss"`. */
  readonly title: string;
  /** 1 to 12 lines of one length. */
  readonly lines: readonly Line[];
  /** Positions of the values along the x axis, in ascending order. @defaultValue 1, 2, 3, … */
  readonly x?: readonly number[];
  /** What the x axis counts. @defaultValue `"epoch"` */
  readonly xName?: string;
  /** Upper end of the y axis. @defaultValue a round number that is not below any value */
  readonly max?: number;
  /** Writes a value. @defaultValue three significant digits */
  readonly format?: (value: number) => string;
  /** Height in pixels, where the chart is 460 pixels wide. @defaultValue 250 */
  readonly height?: number;
}

/** A line with the positions of its values. */
interface Drawn extends Line {
  readonly index: number;
  readonly points: readonly (readonly [number, number])[];
}

/**
 * A chart of values over epochs, time-steps or any other positions: a figure with its title, legend and text alternative.
 *
 * The y axis includes 0. Lines differ in colour and in their dashes.
 *
 * @throws RangeError when there are no or too many lines, their lengths differ, `x` does not ascend, or a value exceeds
 *   `max`
 *
 * @example
 * const chart = lineChart({ title: "Gradient norm", lines: [{ name: "stem", values: [4, 2, 1] }] });
 * chart.text.includes('aria-label="Gradient norm, epoch 1 to 3; at the end stem 1"'); // true
 */
export function lineChart(options: LineChartOptions): Html {
  const { title, lines, xName = "epoch", max, format = short, height = 250 } = options;
  const x = positionsOf(options);
  const drawn = lines.map((line, index): Drawn => ({ ...line, index, points: pointsOf(line, x) }));
  const values = drawn
    .flatMap(({ points, range = [] }) => [...points.map(([, y]) => y), ...range.flatMap((ends) => ends ?? [])])
    .filter(Number.isFinite);
  const top = max ?? values.reduce((most, value) => Math.max(most, value), 0);
  const unit = unitOf(max === undefined ? values : [max]);
  const above = values.find((value) => value > top);
  if (above !== undefined) throw new RangeError(`lineChart: max must not be below a value, got ${max} and ${above}`);
  return html`<figure>
<figcaption><b>${title}</b>${legend(
    lines.map(({ name }) => name),
    "line",
  )}</figcaption>
${chart({
  label: labelOf(title, xName, x, drawn, format),
  width: 460,
  height,
  option: {
    grid: { left: 8, right: 16, top: 12, bottom: 24, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: xAxis(x, xName),
    yAxis: {
      type: "value",
      splitNumber: 4,
      ...(max !== undefined && { max: max / unit, interval: max / unit / 4 }),
      axisLabel: { ...axisText, formatter: (value: number) => format(value * unit) },
      axisTick: { show: false },
      axisLine: { show: false },
      splitLine: { lineStyle: { color: ink.line } },
    },
    series: [
      ...drawn.flatMap((line) => band(line, x, unit)),
      ...drawn.map((line) => curve(line, unit)),
      ...drawn.flatMap((line) => circle(line, x, top, unit)),
    ],
  },
})}
</figure>`;
}

/** The positions along x, once the lines are checked against them. */
function positionsOf({ lines, x }: LineChartOptions): readonly number[] {
  if (lines.length < 1 || lines.length > mostSeries) {
    throw new RangeError(
      `lineChart: lines must be 1 to ${mostSeries}, got ${lines.length}; draw more in a chart of their own`,
    );
  }
  const positions = x ?? lines[0]!.values.map((_, i) => i + 1);
  const other = lines.find(({ values }) => values.length !== positions.length);
  if (other !== undefined || positions.length === 0) {
    throw new RangeError(
      `lineChart: lines must have 1 value for each of ${positions.length} positions, at least 1, got ` +
        `${other?.values.length ?? 0} values`,
    );
  }
  const wrong = positions.findIndex((value, i) => !Number.isFinite(value) || value <= (positions[i - 1] ?? -Infinity));
  if (wrong >= 0) throw new RangeError(`lineChart: x must ascend, got ${positions[wrong]} at index ${wrong}`);
  return positions;
}

function pointsOf({ values }: Line, x: readonly number[]): [number, number][] {
  return values.flatMap((value, i): [number, number][] => (value === undefined ? [] : [[x[i]!, value]]));
}

function labelOf(
  title: string,
  xName: string,
  x: readonly number[],
  lines: readonly Drawn[],
  format: (value: number) => string,
): string {
  const ends = lines.flatMap(({ name, points }) => {
    const last = points.at(-1)?.[1];
    if (last === undefined) return [];
    return [`${name === undefined ? "" : `${name} `}${Number.isFinite(last) ? format(last) : "no number"}`];
  });
  const span = x.length === 1 ? `${xName} ${short(x[0]!)}` : `${xName} ${short(x[0]!)} to ${short(x.at(-1)!)}`;
  const marks = lines.flatMap(({ mark }) => (mark === undefined ? [] : [mark.text]));
  return [`${title}, ${span}`, ...(ends.length > 0 ? [`at the end ${ends.join(", ")}`] : []), ...marks].join("; ");
}

function xAxis(x: readonly number[], name: string): object {
  const whole = x.every(Number.isInteger);
  const min = Math.min(0, x[0]!);
  const max = Math.max(whole ? 2 : 0, x.at(-1)!);
  const interval = roundInterval((max - min) / 6, whole);
  const rest = (max - min) % interval;
  return {
    type: "value",
    min,
    max,
    interval,
    name,
    nameLocation: "middle",
    nameGap: 26,
    nameTextStyle: axisText,
    // A number at the end that is too close to the one before it is left out.
    axisLabel: { ...axisText, showMaxLabel: rest === 0 || rest > interval / 2 },
    axisTick: { show: false },
    axisLine: { lineStyle: { color: ink.line } },
    splitLine: { show: false },
  };
}

/** The line, with its points where there are few. A value that is not finite, as after a divergence, leaves a gap. */
function curve({ points, index }: Drawn, unit: number): object {
  return {
    type: "line",
    silent: true,
    data: points.map(([x, y]) => [x, Number.isFinite(y) ? y / unit : null]),
    showSymbol: points.length <= 12,
    symbol: "circle",
    symbolSize: 6,
    itemStyle: { color: colourOf(index) },
    lineStyle: { color: colourOf(index), width: 2, type: dashOf(index) },
  };
}

/** The area between the least and the greatest values: the latter stacked on the former, which is not drawn. */
function band({ range, index }: Drawn, x: readonly number[], unit: number): object[] {
  if (range === undefined) return [];
  const data = (of: (ends: readonly [number, number]) => number): [number, number | null][] =>
    x.map((at, i) => [at, range[i]?.every(Number.isFinite) ? of(range[i]) / unit : null]);
  const common = {
    type: "line",
    silent: true,
    stack: `band ${index}`,
    stackStrategy: "all",
    symbol: "none",
    lineStyle: { opacity: 0 },
  };
  return [
    { ...common, data: data(([least]) => least) },
    {
      ...common,
      data: data(([least, greatest]) => greatest - least),
      areaStyle: { color: colourOf(index), opacity: 0.15 },
    },
  ];
}

/** A circle around the marked point. Its text stands below it, where rising curves leave room, unless that is the axis. */
function circle({ mark, values, index }: Drawn, xs: readonly number[], top: number, unit: number): object[] {
  if (mark === undefined) return [];
  const [x, y] = [xs[mark.index], values[mark.index]];
  if (x === undefined || y === undefined || !Number.isFinite(y)) {
    throw new RangeError(`lineChart: mark.index must point at a finite value, got ${y} at ${mark.index}`);
  }
  const [min, last] = [Math.min(0, xs[0]!), xs.at(-1)!];
  const along = (x - min) / (last - min || 1);
  return [
    {
      type: "line",
      silent: true,
      data: [[x, y / unit]],
      symbol: "circle",
      symbolSize: 11,
      itemStyle: { color: "transparent", borderColor: colourOf(index), borderWidth: 2.5 },
      label: {
        align: along > 0.8 ? "right" : along < 0.2 ? "left" : "center",
        position: y > 0.2 * top ? "bottom" : "top",
        show: true,
        formatter: () => mark.text,
        distance: 20,
        color: ink.text,
        fontSize: 12,
        fontWeight: 600,
        textBorderColor: ink.page,
        textBorderWidth: 4,
      },
    },
  ];
}

/** The least of …, 0.1, 0.2, 0.5, 1, 2, 5, 10, … that is no less than `value`, and at least 1 for whole positions. */
function roundInterval(value: number, whole: boolean): number {
  const power = 10 ** Math.floor(Math.log10(whole ? Math.max(1, value) : value));
  return [1, 2, 5].map((digit) => digit * power).find((step) => step >= value) ?? 10 * power;
}
