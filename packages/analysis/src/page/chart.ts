/** @file Charts as SVG, drawn by Apache ECharts. */
import type { EChartsCoreOption } from "echarts/core";
// One file: Node takes ten times as long to load the modules of which a part would do.
import { init } from "echarts/dist/echarts.esm.min.mjs";
import { type Html, html, trustedHtml } from "./html.js";
import type { ChartValues } from "./interact.js";

/** A chart, and its text alternative. */
interface Chart {
  /** What the chart shows, for screen readers. */
  readonly label: string;
  /** Size in pixels. */
  readonly width: number;
  readonly height: number;
  readonly option: EChartsCoreOption;
  /** The values that the page's script shows, with the pixel of a point of the axes. */
  values(pixelOf: (x: number, y: number) => readonly [number, number]): ChartValues;
}

/** The page's colours; the style sheet sets them for light, dark and print. */
export const ink = {
  page: "var(--page)",
  text: "var(--ink)",
  muted: "var(--muted)",
  line: "var(--line)",
} as const;

/** The style of text along an axis. */
export const axisText = { color: ink.muted, fontSize: 13 } as const;

/**
 * The power of ten to divide values by before they are drawn: ECharts fails on axes below 1e-20, where vanishing gradients
 * are.
 */
export function unitOf(values: readonly number[]): number {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  // The least double is 5e-324.
  return largest === 0 || largest >= 1e-9 ? 1 : 10 ** Math.max(-323, Math.floor(Math.log10(largest)));
}

/** Draws a chart as SVG. The same chart gives the same text, and no ids that could collide on a page. */
export function chart({ label, width, height, option, values }: Chart): Html {
  const drawing = init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    drawing.setOption({ animation: false, textStyle: { fontFamily: "inherit" }, ...option });
    const svg = still(drawing.renderToSVGString());
    const pixelOf = (x: number, y: number): readonly [number, number] => {
      const [left = 0, top = 0] = drawing.convertToPixel({ xAxisIndex: 0, yAxisIndex: 0 }, [x, y]);
      return [Math.round(left), Math.round(top)];
    };
    const data = JSON.stringify(values(pixelOf));
    return html`<svg role="img" aria-label="${label}" data-chart="${data}"${trustedHtml(svg.replace(/^<svg/, ""))}`;
  } finally {
    drawing.dispose();
  }
}

/** A number as the page's script receives it: six digits are more than a screen shows. */
export function compact(value: number): number {
  return Number(value.toPrecision(6));
}

/**
 * Removes what only a mouse needs, and the clip paths: axes hold all values here, so nothing is clipped, and their ids
 * count all charts ever drawn.
 */
function still(svg: string): string {
  return svg
    .replaceAll(/ (?:ecmeta_\w+|class|pointer-events)="[^"]*"/g, "")
    .replaceAll(/<style >[\s\S]*?<\/style>/g, "")
    .replaceAll(/<defs >[\s\S]*?<\/defs>/g, "")
    .replaceAll(/ clip-path="url\(#[^)]*\)"/g, "")
    .trim();
}
