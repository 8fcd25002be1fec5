import { axisText, chart, compact, ink, unitOf } from "./chart.js";
import { short, shortPercent } from "./format.js";
import { type Html, html } from "./html.js";
import type { LineValues } from "./interact.js";
import { legend, mostSeries, type SeriesStyle, stylesOf } from "./series.js";

/** A line of a {@link lineChart}. */
export interface Line {
  /** Its name in the legend. @defaultValue none: the line has no entry there */
  readonly name?: string;
  /** The network by which the line has its colour, such as its notation. @defaultValue `name` */
  readonly network?: string;
  /** One value for each position. `undefined` is skipped; NaN and infinity leave a gap. */
  readonly values: readonly (number | undefined)[];
  /** The least and the greatest value at each position, shaded behind the line. @defaultValue none */
  readonly range?: readonly (readonly [least: number, greatest: number] | undefined)[];
  /** A point to circle, and its text in the legend. @defaultValue none */
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
  /** Positions along the x axis that a dashed line marks, such as epochs at which the learning rate falls. @defaultValue none */
  readonly guides?: readonly number[];
  /** Whether the y axis is linear or logarithmic, where values that are not above 0 leave gaps, and the page says
   * which lines have such. @defaultValue `"linear"` */
  readonly scale?: "linear" | "log";
  /** Whether a linear y axis includes 0. @defaultValue `true` */
  readonly fromZero?: boolean;
  /** Upper end of a linear y axis. @defaultValue a round number that is not below any value */
  readonly max?: number;
  /** How a value is written: in per cent of 1, or by a function. @defaultValue three significant digits */
  readonly format?: "percent" | ((value: number) => string);
  /** Height in pixels, where the chart is 460 pixels wide. @defaultValue 250 */
  readonly height?: number;
}

/** A line with its look and the positions of its values. */
interface Drawn extends Line {
  readonly index: number;
  readonly style: SeriesStyle;
  readonly points: readonly (readonly [number, number])[];
}

/** The y axis: its ends and interval as drawn, and how values get there. */
interface Axis {
  readonly log: boolean;
  readonly min: number;
  readonly max: number;
  readonly interval: number;
  /** What linear values are divided by. */
  readonly unit: number;
  /** Where a value is drawn; NaN for one that cannot be. */
  readonly place: (value: number) => number;
  readonly label: (drawn: number) => string;
}

/**
 * A chart of values over epochs, time-steps or any other positions: a figure with its title, legend and text alternative. The
 * page shows the values under the pointer, a finger or the arrow keys, and zooms by its buttons, by `+`, `−` and `0`, and where the
 * mouse draws a range.
 *
 * Lines differ in colour and in their dashes. A name has the same colour on every page, families of the paper their own; names
 * that agree up to a comma share one.
 *
 * @throws RangeError when there are no or too many lines, their lengths differ, `x` does not ascend, or a value exceeds
 *   `max`
 *
 * @example
 * const chart = lineChart({ title: "Gradient norm", lines: [{ name: "stem", values: [4, 2, 1] }] });
 * chart.text.includes('aria-label="Gradient norm, epoch 1 to 3; at the end stem 1"'); // true
 */
export function lineChart(options: LineChartOptions): Html {
  const { title, lines, xName = "epoch", max, height = 250 } = options;
  const format = options.format === "percent" ? shortPercent : (options.format ?? short);
  const x = positionsOf(options);
  const styles = stylesOf(lines.map(({ name, network }) => network ?? name));
  const drawn = lines.map((line, index): Drawn => {
    return { ...line, index, style: styles[index]!, points: pointsOf(line, x) };
  });
  const values = drawn
    .flatMap(({ points, range = [] }) => [...points.map(([, y]) => y), ...range.flatMap((ends) => ends ?? [])])
    .filter(Number.isFinite);
  const above = max === undefined ? undefined : values.find((value) => value > max);
  if (above !== undefined) throw new RangeError(`lineChart: max must not be below a value, got ${max} and ${above}`);
  const axis = options.scale === "log" ? logAxis(values, format) : linearAxis(values, options, format);
  const along = xAxis(x, xName);
  const belowLog = axis.log ? drawn.filter(({ values }) => values.some(cannotBeLog)) : [];
  return html`<figure>
<figcaption><b>${title}</b>${legend(
    lines.map(({ name }) => name),
    styles,
    "line",
  )}${drawn.map(({ mark, style }) => mark && ringKey(mark, style))}</figcaption>
${chart({
  label: labelOf(title, xName, x, drawn, format),
  width: 460,
  height,
  option: {
    grid: { left: 8, right: 16, top: 12, bottom: 24, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: along,
    yAxis: {
      type: "value",
      min: axis.min,
      max: axis.max,
      interval: axis.interval,
      axisLabel: { ...axisText, formatter: axis.label },
      axisTick: { show: false },
      axisLine: { show: false },
      splitLine: { lineStyle: { color: ink.line } },
    },
    series: [
      ...(options.guides ?? []).map((at) => guide(at, axis)),
      ...drawn.flatMap((line) => band(line, x, axis)),
      ...drawn.map((line) => curve(line, axis)),
      ...drawn.flatMap((line) => circle(line, x, axis)),
    ],
  },
  values: (pixelOf): LineValues => ({
    kind: "lines",
    xName,
    plot: [...pixelOf(along.min, axis.max), ...pixelOf(along.max, axis.min)],
    ends: [along.min, along.max, axis.min, axis.max],
    scale: scaleOf(options, axis),
    x,
    ...(options.guides !== undefined && { guides: options.guides }),
    lines: drawn.map((line) => valuesOf(line, axis, format, typeof options.format === "function")),
  }),
})}${belowLog.length > 0 && notOnAxis(belowLog, title)}
</figure>`;
}

/** Whether a value is a number that no logarithmic axis has. */
function cannotBeLog(value: number | undefined): boolean {
  return value !== undefined && value <= 0 && Number.isFinite(value);
}

/** Says which lines have values that a logarithmic axis cannot show. */
function notOnAxis(lines: readonly Drawn[], title: string): Html {
  const names = lines.map(({ name = title }) => name).join("; ");
  return html`
<p class="lead">A logarithmic axis has no place for 0 or below: such values of ${names} are not drawn.</p>`;
}

/** A linear axis with ends at round numbers. */
function linearAxis(
  values: readonly number[],
  { max: top, fromZero = true }: LineChartOptions,
  format: (value: number) => string,
): Axis {
  const unit = unitOf(top === undefined ? values : [top]);
  const start = fromZero ? 0 : (values[0] ?? 0);
  const least = values.reduce((a, b) => Math.min(a, b), start) / unit;
  const most = (top ?? values.reduce((a, b) => Math.max(a, b), start)) / unit;
  const ends = least === most ? [least, least + (Math.abs(least) || 1 / unit)] : [least, most];
  const interval = top === undefined ? roundInterval(ends[1]! / 4 - ends[0]! / 4, false) : top / unit / 4;
  return {
    log: false,
    min: Math.floor(ends[0]! / interval + 1e-9) * interval,
    max: top === undefined ? Math.ceil(ends[1]! / interval - 1e-9) * interval : top / unit,
    interval,
    unit,
    place: (value) => value / unit,
    label: (drawn) => format(drawn * unit),
  };
}

/** A logarithmic axis: exponents of ten, with ends at whole ones. */
function logAxis(values: readonly number[], format: (value: number) => string): Axis {
  const exponents = values.filter((value) => value > 0).map((value) => Math.log10(value));
  const min = Math.floor(exponents.reduce((a, b) => Math.min(a, b), exponents[0] ?? 0));
  const top = Math.ceil(exponents.reduce((a, b) => Math.max(a, b), exponents[0] ?? 1));
  const interval = Math.max(1, Math.ceil((top - min) / 6));
  return {
    log: true,
    min,
    max: min + Math.max(1, Math.ceil((top - min) / interval)) * interval,
    interval,
    unit: 1,
    place: (value) => (value > 0 ? Math.log10(value) : Number.NaN),
    label: (drawn) => format(10 ** drawn),
  };
}

/** How the page's script writes numbers of the axis. */
function scaleOf({ format }: LineChartOptions, { log, unit }: Axis): LineValues["scale"] {
  if (log) return { log };
  if (format === "percent") return { factor: 100 * unit, suffix: "\u202f%" };
  return unit === 1 ? {} : { factor: unit };
}

/** What the page's script receives of a line. */
function valuesOf(
  { name = "", style, values, range }: Drawn,
  { place, log }: Axis,
  format: (value: number) => string,
  own: boolean,
): LineValues["lines"][number] {
  const drawn = (value: number): number | false => {
    const y = place(value);
    return Number.isFinite(y) ? compact(y) : false;
  };
  return {
    name,
    colour: style.colour,
    dashes: style.pattern === "solid" ? [] : style.pattern,
    y: values.map((value) => (value === undefined ? null : drawn(value))),
    ...((own || (log && values.some(cannotBeLog))) && { texts: values.map((value) => textOf(value, format)) }),
    ...(range !== undefined && {
      range: range.map((ends) => {
        if (ends === undefined) return null;
        const [low, high] = [drawn(ends[0]), drawn(ends[1])];
        return low === false || high === false ? null : ([low, high] as const);
      }),
    }),
  };
}

/** What the page writes of a value, drawn or not. */
function textOf(value: number | undefined, format: (value: number) => string): string | null {
  if (value === undefined) return null;
  return Number.isFinite(value) ? format(value) : "–";
}

/** The entry of a marked point in the legend. */
function ringKey({ text }: Mark, { colour }: SeriesStyle): Html {
  return html` <span class="key"><i class="ring" style="color:${colour}"></i>${text}</span>`;
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

function xAxis(x: readonly number[], name: string): { readonly min: number; readonly max: number } {
  const whole = x.every(Number.isInteger);
  const min = Math.min(0, x[0]!);
  const max = Math.max(whole ? 2 : 0, x.at(-1)!);
  const interval = roundInterval((max - min) / 6, whole);
  const rest = (max - min) % interval;
  const axis = {
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
  return axis;
}

function guide(at: number, { min, max }: Axis): object {
  return {
    type: "line",
    silent: true,
    symbol: "none",
    data: [
      [at, min],
      [at, max],
    ],
    lineStyle: { color: ink.muted, width: 1, type: [3, 3], opacity: 0.7 },
  };
}

/** The line, with its points where there are few. A value that is not finite, as after a divergence, leaves a gap. */
function curve({ points, style }: Drawn, { place }: Axis): object {
  return {
    type: "line",
    silent: true,
    data: points.map(([x, y]) => [x, Number.isFinite(place(y)) ? place(y) : null]),
    showSymbol: points.length <= 12,
    symbol: "circle",
    symbolSize: 6,
    itemStyle: { color: style.colour },
    lineStyle: { color: style.colour, width: 2, type: style.pattern },
  };
}

/** The area between the least and the greatest values: the latter stacked on the former, which is not drawn. */
function band({ range, index, style }: Drawn, x: readonly number[], { place, min }: Axis): object[] {
  if (range === undefined) return [];
  // What a logarithmic axis cannot show begins at its lower end.
  const at = (value: number): number => (Number.isNaN(place(value)) && value <= 0 ? min : place(value));
  const data = (of: (least: number, greatest: number) => number): [number, number | null][] =>
    x.map((position, i) => [position, range[i]?.every(Number.isFinite) ? of(at(range[i][0]), at(range[i][1])) : null]);
  const common = {
    type: "line",
    silent: true,
    stack: `band ${index}`,
    stackStrategy: "all",
    symbol: "none",
    lineStyle: { opacity: 0 },
  };
  return [
    { ...common, data: data((least) => least) },
    {
      ...common,
      data: data((least, greatest) => greatest - least),
      areaStyle: { color: style.colour, opacity: 0.15 },
    },
  ];
}

/** A circle around the marked point. Its text stands in the legend, where it hides no curve. */
function circle({ mark, values, style }: Drawn, xs: readonly number[], { place }: Axis): object[] {
  if (mark === undefined) return [];
  const [x, y] = [xs[mark.index], values[mark.index]];
  if (x === undefined || y === undefined || !Number.isFinite(place(y))) {
    throw new RangeError(`lineChart: mark.index must point at a finite value, got ${y} at ${mark.index}`);
  }
  return [
    {
      type: "line",
      silent: true,
      data: [[x, place(y)]],
      symbol: "circle",
      symbolSize: 11,
      itemStyle: { color: "transparent", borderColor: style.colour, borderWidth: 2.5 },
    },
  ];
}

/** The least of …, 0.1, 0.2, 0.5, 1, 2, 5, 10, … that is no less than `value`, and at least 1 for whole positions. */
function roundInterval(value: number, whole: boolean): number {
  const power = 10 ** Math.floor(Math.log10(whole ? Math.max(1, value) : value));
  return [1, 2, 5].map((digit) => digit * power).find((step) => step >= value) ?? 10 * power;
}
