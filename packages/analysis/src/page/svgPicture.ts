import { html, trustedHtml } from "./html.js";
import { type LineChartOptions, lineChart } from "./lineChart.js";
import { type SeriesStyle, stylesOf } from "./series.js";
import { palette } from "./style.js";

/** Charts of lines for a file of their own. */
export interface SvgPicture {
  /** What the picture shows. */
  readonly title: string;
  readonly charts: readonly LineChartOptions[];
  /** Charts in a row, at most. @defaultValue 2 */
  readonly columns?: number;
}

/** Pixels: the width of a chart, and the space around and between charts. */
const [WIDTH, GAP] = [460, 24];
/** Pixels: the line of a title, and that of a legend. */
const [TITLE, LEGEND] = [24, 20];
/** Pixels: the sample before a name in a legend, and the space between entries. */
const [SAMPLE, SPACE] = [30, 14];
/** Pixels: about the widths of a capital and of another character, 13 pixels high. */
const [CAPITAL, CHARACTER] = [9.2, 6.9];

/**
 * Charts of `lineChart` as one SVG file, with their titles and legends, for documents outside of a report. It follows light and dark
 * mode where it is shown, and has a background of its own.
 *
 * @throws RangeError as `lineChart`, and when there are no charts
 *
 * @example
 * const lines = [{ name: "SEW ADD", values: [4, 2, 1] }];
 * svgPicture({ title: "Norms", charts: [{ title: "Gradient norm", lines }] }).startsWith("<svg "); // true
 */
export function svgPicture({ title, charts, columns = 2 }: SvgPicture): string {
  if (charts.length === 0) throw new RangeError("svgPicture: charts must be 1 or more, got none");
  const across = Math.min(columns, charts.length);
  const panels = charts.map(panelOf);
  const width = GAP + across * (WIDTH + GAP);
  let height = GAP + TITLE;
  let placed = "";
  for (let first = 0; first < panels.length; first += across) {
    const row = panels.slice(first, first + across);
    // Charts of a row stand on one line, whatever their legends.
    const head = Math.max(...row.map((panel) => panel.head));
    for (const [i, panel] of row.entries()) placed += panel.at(GAP + i * (WIDTH + GAP), height, head);
    height += head + Math.max(...row.map((panel) => panel.height)) + GAP;
  }
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${title}</title>
<style>${trustedHtml(palette)}
svg { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif; fill: var(--ink); }
</style>
<rect width="100%" height="100%" fill="var(--page)"/>
<text x="${GAP}" y="${GAP + 12}" font-size="17" font-weight="600">${title}</text>${trustedHtml(placed)}
</svg>
`.text;
}

interface Panel {
  /** Heights of title and legend, and of the chart. */
  readonly head: number;
  readonly height: number;
  /** The panel at a place, its chart below a head of that height. */
  at(x: number, y: number, head: number): string;
}

function panelOf(options: LineChartOptions): Panel {
  const { title, lines, height = 250 } = options;
  const chart = /<svg[\s\S]*<\/svg>/.exec(lineChart(options).text)![0].replace(/ data-chart="[^"]*"/, "");
  const styles = stylesOf(lines.map(({ name, network }) => network ?? name));
  const entries = legendOf(lines.flatMap(({ name }, i) => (name === undefined ? [] : [{ name, style: styles[i]! }])));
  return {
    head: TITLE + entries.rows * LEGEND,
    height,
    at: (x, y, head) =>
      html`
<g transform="translate(${x} ${y})"><text y="16" font-size="14" font-weight="600">${title}</text>
<g transform="translate(0 ${TITLE})">${trustedHtml(entries.text)}</g>
<g transform="translate(0 ${head})">${trustedHtml(chart)}</g></g>`.text,
  };
}

/** A legend in as many rows as it needs. */
function legendOf(entries: readonly { readonly name: string; readonly style: SeriesStyle }[]): {
  readonly rows: number;
  readonly text: string;
} {
  let [x, row, text] = [0, 0, ""];
  for (const { name, style } of entries) {
    const capitals = name.match(/\p{Lu}/gu)?.length ?? 0;
    const width = SAMPLE + CAPITAL * capitals + CHARACTER * (name.length - capitals);
    if (x > 0 && x + width > WIDTH) [x, row] = [0, row + 1];
    const y = row * LEGEND + 10;
    const dashes = style.pattern === "solid" ? "" : style.pattern.join(" ");
    text += html`
<line x1="${x}" x2="${x + SAMPLE - 8}" y1="${y}" y2="${y}" style="stroke:${style.colour}" stroke-width="2.5" stroke-dasharray="${dashes}"/>
<text x="${x + SAMPLE}" y="${y + 4}" font-size="13" fill="var(--muted)">${name}</text>`.text;
    x += width + SPACE;
  }
  return { rows: entries.length === 0 ? 0 : row + 1, text };
}
