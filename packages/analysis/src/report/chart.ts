import { BarChart, LineChart } from "echarts/charts";
import { GridComponent } from "echarts/components";
import { type EChartsCoreOption, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { type Html, html, trusted } from "./html.js";

use([BarChart, LineChart, GridComponent, SVGRenderer]);

/** A picture and what it shows, in words for those who cannot see it. */
export interface Chart {
  /** Unlike that of any other chart of the page. */
  readonly id: string;
  readonly label: string;
  readonly width: number;
  readonly height: number;
  readonly option: EChartsCoreOption;
}

/** The page's colours, which are others in light, in dark and on paper. */
export const ink = {
  page: "var(--page)",
  text: "var(--ink)",
  muted: "var(--muted)",
  line: "var(--line)",
  first: "var(--first)",
  second: "var(--second)",
} as const;

/** The style of what is written along an axis. */
export const axisText = { color: ink.muted, fontSize: 12 } as const;

/** Draws a chart as SVG: still, without scripts, and the same each time. */
export function chart({ id, label, width, height, option }: Chart): Html {
  const drawing = init(null, null, { renderer: "svg", ssr: true, width, height });
  drawing.setOption({ animation: false, textStyle: { fontFamily: "inherit" }, ...option });
  const svg = drawing.renderToSVGString();
  drawing.dispose();
  return html`<svg role="img" aria-label="${label}"${trusted(still(svg, id).replace(/^<svg/, ""))}`;
}

/** Without what serves a mouse only, and with the chart's own id in place of a number that counts all charts drawn. */
function still(svg: string, id: string): string {
  return svg
    .replaceAll(/ (?:ecmeta_\w+|class|pointer-events)="[^"]*"/g, "")
    .replaceAll(/<style >[\s\S]*?<\/style>/g, "")
    .replaceAll(/(id="|url\(#)zr\d+-/g, `$1${id}-`)
    .trim();
}
