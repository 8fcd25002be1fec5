/** @file The density sweep as a picture: a small chart for each layer, all with the same axes. */
import { LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { densities, type LayerSweep, layerName, type Product, type Storage } from "./sweep.js";

use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

const colours = { forward: "#1f6fb5", "filter gradient": "#c26a00" } as const satisfies Record<Product, string>;
const [text, muted, grey] = ["#1c2128", "#5f6874", "#dfe3e8"] as const;

/** Bits are solid lines, counts dashed ones: colour is not all that tells. */
const kinds = (["forward", "filter gradient"] as const).flatMap((product) =>
  (["bits", "counts"] as const).map((storage) => ({ product, storage, name: `${product}, ${storage}` })),
);
const styleOf = (product: Product, storage: Storage) => ({
  symbol: storage === "bits" ? "circle" : "emptyCircle",
  symbolSize: 5,
  itemStyle: { color: colours[product] },
  lineStyle: { color: colours[product], width: 2, type: storage === "bits" ? "solid" : [5, 3] },
});

/** What each colour becomes in dark mode. */
const dark = {
  "#fff": "#14171b",
  [text]: "#e4e7eb",
  [muted]: "#9aa4b0",
  [grey]: "#2c323a",
  [colours.forward]: "#64aeea",
  [colours["filter gradient"]]: "#e39a3f",
};
const rules = Object.entries(dark).flatMap(([from, to]) =>
  ["fill", "stroke"].map((each) => `[${each}="${from}"] { ${each}: ${to}; }`),
);
const DARK = `<style>@media (prefers-color-scheme: dark) {\n${rules.join("\n")}\n}</style>`;

const TITLE = "Time of event-driven convolution, dense = 1";
const COLUMNS = 4;
const [WIDTH, HEIGHT] = [280, 208];
/** Around the charts, and between what they draw on. */
const [LEFT, TOP, RIGHT, BOTTOM] = [40, 92, 16, 50];
const [GAP_X, GAP_Y] = [36, 68];

/** Draws the time of the event-driven convolutions as a multiple of the dense ones' over the density, as SVG. */
export function picture(sweeps: readonly LayerSweep[]): string {
  const columns = Math.min(COLUMNS, sweeps.length);
  const [width, height] = [
    LEFT + columns * WIDTH - GAP_X + RIGHT,
    TOP + Math.ceil(sweeps.length / COLUMNS) * HEIGHT - GAP_Y + BOTTOM,
  ];
  const place = (i: number) => ({
    left: LEFT + (i % COLUMNS) * WIDTH,
    top: TOP + Math.floor(i / COLUMNS) * HEIGHT,
    width: WIDTH - GAP_X,
    height: HEIGHT - GAP_Y,
  });
  const ratios = sweeps.flatMap(({ points }) => points.map(({ events, dense }) => events / dense));
  const top = Math.max(1.5, Math.ceil(2 * Math.max(...ratios)) / 2);
  const axisLabel = { color: muted, fontSize: 11 };
  const drawing = init(null, null, { renderer: "svg", ssr: true, width, height });
  drawing.setOption({
    animation: false,
    backgroundColor: "#fff",
    textStyle: { fontFamily: "system-ui, sans-serif" },
    title: [
      {
        text: TITLE,
        left: LEFT - 5,
        top: 4,
        textStyle: { color: text, fontSize: 15 },
      },
      {
        text: "density: the fraction of the input that is not 0",
        left: "center",
        bottom: 2,
        textStyle: { color: muted, fontSize: 12, fontWeight: "normal" },
      },
      ...sweeps.map(({ layer }, i) => ({
        text: layerName(layer).split(", ").slice(1).join(", "),
        subtext: layer.network,
        left: place(i).left - 5,
        top: place(i).top - 42,
        itemGap: 1,
        textStyle: { color: text, fontSize: 12 },
        subtextStyle: { color: muted, fontSize: 11 },
      })),
    ],
    legend: {
      data: kinds.map(({ name }) => name),
      right: 2 * RIGHT,
      top: 4,
      itemWidth: 32,
      itemGap: 28,
      textStyle: { color: text },
    },
    grid: sweeps.map((_, i) => place(i)),
    xAxis: sweeps.map((_, i) => ({
      gridIndex: i,
      type: "log",
      min: 0.01,
      max: 1,
      axisLabel,
      axisLine: { lineStyle: { color: grey } },
      axisTick: { show: false },
      splitLine: { show: false },
    })),
    yAxis: sweeps.map((_, i) => ({
      gridIndex: i,
      type: "value",
      min: 0,
      max: top,
      interval: top > 2 ? 1 : 0.5,
      axisLabel: { ...axisLabel, showMaxLabel: top <= 2 },
      axisLine: { show: false },
      axisTick: { show: false },
      splitLine: { lineStyle: { color: grey } },
    })),
    series: sweeps.flatMap(({ points }, i) => [
      {
        type: "line",
        silent: true,
        xAxisIndex: i,
        yAxisIndex: i,
        symbol: "none",
        data: [
          [0.01, 1],
          [1, 1],
        ],
        lineStyle: { color: text, width: 1.5 },
      },
      ...kinds.map(({ product, storage, name }) => ({
        type: "line",
        silent: true,
        name,
        xAxisIndex: i,
        yAxisIndex: i,
        ...styleOf(product, storage),
        data: densities.flatMap((density) =>
          points
            .filter((point) => point.density === density && point.product === product && point.storage === storage)
            .map(({ events, dense }) => [density, events / dense]),
        ),
      })),
    ]),
  });
  const svg = drawing.renderToSVGString();
  drawing.dispose();
  // What serves a mouse only is left out, and what serves a screen reader put in.
  const still = svg.replaceAll(/ (?:ecmeta_\w+|class|pointer-events)="[^"]*"|<style >[\s\S]*?<\/style>\n?/g, "");
  return `${still.replace(">", `><title>${TITLE}</title>\n${DARK}`)}\n`;
}
