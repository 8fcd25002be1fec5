import type { EpochRecord } from "../reportData.js";
import { axisText, chart, ink } from "./chart.js";
import type { Html } from "./html.js";

/** A line: one number for each epoch. */
export interface Line {
  readonly values: readonly number[];
  /** Which of the page's two colours; the second is drawn with dashes, so that colour is not all that tells. */
  readonly colour: "first" | "second";
  /** A point to ring, and the words beside it. */
  readonly mark?: Mark;
}

/** The position of a value, and what to say of it. */
export interface Mark {
  readonly index: number;
  readonly text: string;
}

/** What the lines share. */
export interface LineChart {
  readonly id: string;
  readonly label: string;
  readonly history: readonly EpochRecord[];
  readonly height?: number;
  /** Where the axis ends and how far apart its numbers are; round numbers that hold the values unless given. */
  readonly top?: { readonly value: number; readonly interval: number };
  /** Writes a value beside the axis. */
  readonly format: (value: number) => string;
  readonly lines: readonly Line[];
}

/** Draws lines over the epochs, counted from 1. */
export function lineChart({ id, label, history, height = 250, top, format, lines }: LineChart): Html {
  const epochs = history.map(({ epoch }) => epoch + 1);
  const last = Math.max(2, ...epochs);
  const interval = roundInterval(last / 6);
  return chart({
    id,
    label,
    width: 460,
    height,
    option: {
      grid: { left: 8, right: 16, top: 12, bottom: 24, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      xAxis: {
        type: "value",
        min: 0,
        max: last,
        interval,
        name: "epoch",
        nameLocation: "middle",
        nameGap: 26,
        nameTextStyle: axisText,
        axisLabel: { ...axisText, showMaxLabel: last % interval === 0 || last % interval > interval / 2 },
        axisTick: { show: false },
        axisLine: { lineStyle: { color: ink.line } },
        splitLine: { show: false },
      },
      yAxis: {
        type: "value",
        min: 0,
        splitNumber: 4,
        ...(top && { max: top.value, interval: top.interval }),
        axisLabel: { ...axisText, formatter: format },
        axisTick: { show: false },
        axisLine: { show: false },
        splitLine: { lineStyle: { color: ink.line } },
      },
      series: [
        ...lines.map((line) => drawn(line, epochs)),
        ...lines.flatMap(({ values, colour, mark }) => {
          if (mark === undefined) return [];
          const [x, y] = [epochs[mark.index]!, values[mark.index]!];
          const align = x > 0.8 * last ? "right" : x < 0.2 * last ? "left" : "center";
          const below = y > 0.2 * (top?.value ?? Math.max(...values));
          return [ring([x, y], mark.text, ink[colour], { align, position: below ? "bottom" : "top" })];
        }),
      ],
    },
  });
}

/** A line, with its points where there are few. A number that is not finite, as after a divergence, leaves a gap. */
function drawn({ values, colour }: Line, epochs: readonly number[]): object {
  return {
    type: "line",
    silent: true,
    data: values.map((value, i) => [epochs[i], Number.isFinite(value) ? value : null]),
    showSymbol: values.length <= 12,
    symbol: "circle",
    symbolSize: 6,
    itemStyle: { color: ink[colour] },
    lineStyle: { color: ink[colour], width: 2, type: colour === "second" ? [6, 4] : "solid" },
  };
}

/** A ring around a point, with words below it, where curves that rise leave room. */
function ring(point: [number, number], text: string, colour: string, place: object): object {
  return {
    type: "line",
    silent: true,
    data: [point],
    symbol: "circle",
    symbolSize: 11,
    itemStyle: { color: "transparent", borderColor: colour, borderWidth: 2.5 },
    label: {
      ...place,
      show: true,
      formatter: () => text,
      distance: 20,
      color: ink.text,
      fontSize: 12,
      fontWeight: 600,
      textBorderColor: ink.page,
      textBorderWidth: 4,
    },
  };
}

/** The least of 1, 2, 5, 10, 20, 50, ... that is no less than `value`. */
function roundInterval(value: number): number {
  const power = 10 ** Math.max(0, Math.floor(Math.log10(value)));
  return [1, 2, 5].map((digit) => digit * power).find((step) => step >= value) ?? 10 * power;
}
