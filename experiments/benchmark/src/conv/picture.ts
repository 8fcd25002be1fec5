/** @file Each convolution's share of its bound as a picture. */
import type { Precision } from "@sew/backend-native";
import { BarChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkLineComponent, TitleComponent } from "echarts/components";
import { use } from "echarts/core";
import { blue, green, grey, muted, orange, svgOf, text } from "../svg.js";
import { type Product, type ProductFigures, products, shareOf } from "./measure.js";

use([BarChart, GridComponent, LegendComponent, MarkLineComponent, TitleComponent]);

const TITLE = "share of the bound; pale: event-driven, bound by its own additions";
const colours: Readonly<Record<Product, string>> = {
  forward: blue,
  "input gradient": green,
  "filter gradient": orange,
};
/** Opacity of the bars of event-driven paths. */
const PALE = 0.45;
/** Pixels. */
const [WIDTH, ROW, TOP, BOTTOM] = [900, 34, 70, 40];

/** Draws three bars for each shape, as SVG. */
export function convolutionPicture(figures: readonly ProductFigures[], precision: Precision): string {
  const title = `Convolutions, ${precision}: ${TITLE}`;
  const shapes = [...new Set(figures.map(({ shape }) => shape))];
  const shareAt = (shape: string, product: Product) => {
    const found = figures.find((each) => each.shape === shape && each.product === product);
    if (found === undefined) return "-";
    return { value: shareOf(found), itemStyle: { opacity: found.path.includes("event-driven") ? PALE : 1 } };
  };
  const height = TOP + shapes.length * ROW + BOTTOM;
  const axisLabel = { color: muted, fontSize: 11 };
  return svgOf(title, WIDTH, height, {
    title: { text: title, left: 16, top: 8, textStyle: { color: text, fontSize: 15 } },
    legend: { data: [...products], left: 16, top: 36, itemGap: 40, textStyle: { color: text } },
    grid: { left: 48, right: 30, top: TOP, bottom: BOTTOM, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: { type: "value", min: 0, axisLabel, splitLine: { lineStyle: { color: grey } } },
    yAxis: { type: "category", data: shapes, inverse: true, axisLabel, axisTick: { show: false } },
    series: products.map((product) => ({
      type: "bar",
      silent: true,
      name: product,
      itemStyle: { color: colours[product] },
      data: shapes.map((shape) => shareAt(shape, product)),
      ...(product === "forward" && {
        markLine: {
          silent: true,
          symbol: "none",
          label: { show: false },
          lineStyle: { color: text, type: "dashed" },
          data: [{ xAxis: 0.5 }, { xAxis: 1 }],
        },
      }),
    })),
  });
}
