/** @file Charts as SVG files that follow light and dark mode. */
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

use([SVGRenderer]);

export const [text, muted, grey] = ["#1c2128", "#5f6874", "#dfe3e8"] as const;
export const [blue, orange, green] = ["#1f6fb5", "#c26a00", "#3d8b40"] as const;

/** What each colour becomes in dark mode. */
const dark = {
  "#fff": "#14171b",
  [text]: "#e4e7eb",
  [muted]: "#9aa4b0",
  [grey]: "#2c323a",
  [blue]: "#64aeea",
  [orange]: "#e39a3f",
  [green]: "#7cc47f",
};
const rules = Object.entries(dark).flatMap(([from, to]) =>
  ["fill", "stroke"].map((each) => `[${each}="${from}"] { ${each}: ${to}; }`),
);
const DARK = `<style>@media (prefers-color-scheme: dark) {\n${rules.join("\n")}\n}</style>`;

/** Draws the charts of an ECharts option, in pixels. Its chart types must be in use. */
export function svgOf(title: string, width: number, height: number, option: object): string {
  const drawing = init(null, null, { renderer: "svg", ssr: true, width, height });
  drawing.setOption({
    animation: false,
    backgroundColor: "#fff",
    textStyle: { fontFamily: "system-ui, sans-serif" },
    ...option,
  });
  const svg = drawing.renderToSVGString();
  drawing.dispose();
  // What serves a mouse only is left out, and what serves a screen reader put in.
  const still = svg.replaceAll(/ (?:ecmeta_\w+|class|pointer-events)="[^"]*"|<style >[\s\S]*?<\/style>\n?/g, "");
  return `${still.replace(">", `><title>${title}</title>\n${DARK}`)}\n`;
}
