/** @file The density sweep as a picture: a small chart for each layer, all with the same axes. */
import { LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import { use } from "echarts/core";
import { blue, grey, muted, orange, svgOf, text } from "./svg.js";
import { densities, type LayerSweep, layerName, type Product, type Storage } from "./sweep.js";

use([LineChart, GridComponent, LegendComponent, TitleComponent]);

const colours = { forward: blue, "filter gradient": orange } as const satisfies Record<Product, string>;

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
  return svgOf(TITLE, width, height, {
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
}
