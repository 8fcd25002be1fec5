/** @file Figs. 5 to 8 as charts. */
import type { Line, LineChartOptions } from "@sew/analysis";
import type { Measurement } from "./measure.js";
import { type ComparedFamily, type Figure, figures, settingOf } from "./networks.js";
import { predictedGradients } from "./predicted.js";
import { titleOf } from "./tables.js";

/** A figure of the paper. */
export interface Chart {
  /** The name of its picture, without extension. */
  readonly name: string;
  readonly title: string;
  readonly panels: readonly LineChartOptions[];
}

type Of<T> = (measurement: Measurement) => T;

const outputs: Of<readonly number[]> = ({ blocks }) => blocks.map(({ output }) => output);
const gradients: Of<readonly number[]> = ({ blocks }) => blocks.map(({ gradient }) => gradient);
const byFamily: Of<string> = ({ family }) => family;

/** Three digits, and a power of ten for what has many zeros. */
function scientific(value: number): string {
  if (value === 0 || (value >= 1e-3 && value < 1e4)) return String(Number(value.toPrecision(3)));
  return value
    .toExponential(2)
    .replace(/\.?0+e\+?/, "e")
    .replace("e+", "e");
}

/** The figures that some measurements can show. */
export function chartsOf(measurements: readonly Measurement[]): Chart[] {
  const blocks = measurements[0]?.blocks ?? [];
  const common = {
    xName: "block",
    x: blocks.map((_, l) => l + 1),
    guides: blocks.flatMap(({ downsample }, l) => (downsample ? [l + 1] : [])),
  };
  const of = (figure: Figure, zeroInit: boolean): Measurement[] =>
    measurements.filter((each) => each.figure === figure && each.zeroInit === zeroInit);
  const lines = (networks: readonly Measurement[], values: Of<Line["values"]>, name = byFamily): Line[] =>
    networks.map((network) => ({ name: name(network), values: values(network) }));
  const gradientsOf = (figure: Figure, zeroInit: boolean): LineChartOptions => ({
    ...common,
    title: `‖∂L/∂Sˡ‖, ${titleOf(figure, zeroInit)}`,
    scale: "log",
    format: scientific,
    lines: [
      ...lines(of(figure, zeroInit), gradients),
      ...lines(
        of(figure, zeroInit).filter(({ family }) => zeroInit && family === "Spiking"),
        predictedGradients,
        () => "Spiking, predicted (A.4)",
      ),
    ],
  });

  const charts: Chart[] = [];
  const numbers = Object.keys(figures).map(Number) as Figure[];
  const there = numbers.filter((figure) => measurements.some((each) => each.figure === figure));
  if (there.includes(6)) {
    const plain = of(6, false);
    // All four are the same: that is one of the statements.
    const zeroInit = lines(of(6, true).slice(0, 1), outputs, () => "all, zero-init");
    const title = "Firing rate of Oˡ";
    charts.push({
      name: "fig5",
      title: "Firing rates at initialisation",
      panels: [
        { ...common, title, lines: [...zeroInit, ...lines(plain, outputs)] },
        {
          ...common,
          title: `${title}, without SEW ADD`,
          lines: [
            ...zeroInit,
            ...lines(
              plain.filter(({ family }) => family !== "SEW ADD"),
              outputs,
            ),
          ],
        },
        {
          ...common,
          title: "Firing rate of Aˡ, without zero-init",
          lines: lines(
            plain.filter(({ family }) => family !== "Spiking"),
            ({ blocks }) => blocks.map(({ residual }) => residual),
          ),
        },
      ],
    });
  }
  for (const figure of there) {
    charts.push({
      name: `fig${figure}`,
      title: "Gradient by the input of each block",
      panels: [gradientsOf(figure, true), gradientsOf(figure, false)],
    });
  }
  const both: readonly ComparedFamily[] = ["Spiking", "SEW ADD"];
  charts.push({
    name: "gradients",
    title: "Gradient by block, SEW against Spiking",
    panels: [
      {
        ...common,
        title: "‖∂L/∂Sˡ‖ at zero-init",
        scale: "log",
        format: scientific,
        height: 300,
        lines: both.flatMap((family) =>
          there.flatMap((figure) =>
            lines(
              of(figure, true).filter((each) => each.family === family),
              gradients,
              () => `${family}, ${settingOf(figure)}`,
            ),
          ),
        ),
      },
    ],
  });
  return charts;
}
