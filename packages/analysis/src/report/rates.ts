import type { FiringRates } from "../firingRates.js";
import { axisText, chart, ink } from "./chart.js";
import { fixed, percent } from "./format.js";
import { type Html, html } from "./html.js";
import { key } from "./key.js";

/** A row of bars: a block, or a layer where there are no blocks. */
interface Bars {
  readonly name: string;
  readonly first: number | undefined;
  readonly second: number | undefined;
}

/** Firing rates: bars for the blocks, a table of the layers, warnings. */
export function rates({ blocks, layers, warnings }: FiringRates): Html | undefined {
  const ofBlocks: Bars[] = Object.entries(blocks).map(([name, { residual, output }]) => ({
    name,
    first: residual,
    second: output,
  }));
  const ofLayers: Bars[] = Object.entries(layers).map(([name, { rate }]) => ({ name, first: rate, second: undefined }));
  if (ofLayers.length === 0 && ofBlocks.length === 0) return undefined;
  return html`<section>
<h2>Firing rates</h2>
<p class="lead">Φ is the mean over time-steps, samples and neurons. ${ofBlocks.length > 0 ? about : undefined}</p>
${warnings.length === 0 ? undefined : html`<ul class="notes">${warnings.map((warning) => html`<li>${warning}</li>`)}</ul>`}
<div class="pair">
${ofBlocks.length > 0 ? bars(ofBlocks, "Blocks", html`${key("first", html`A<sup>l</sup>, residual path`)} ${key("second", html`O<sup>l</sup>, output`)}`) : bars(ofLayers, "Spiking layers", key("first", "Φ"))}
${layerTable(layers)}
</div>
</section>`;
}

const about = html`Of a block, A<sup>l</sup> is what its residual path fires and O<sup>l</sup> what it puts out: with ADD a
sum of spikes, whose mean may exceed 1.`;

/** Pixels across a bar, and above and below all of them. */
const BAR = 10;
const FRAME = 34;
/** Characters of a name beside its bars. */
const LONGEST = 22;

function bars(rows: readonly Bars[], title: string, legend: Html): Html {
  const two = rows.some(({ second }) => second !== undefined);
  const series = (which: "first" | "second") => ({
    type: "bar",
    silent: true,
    barWidth: BAR,
    barGap: "20%",
    itemStyle: { color: ink[which], borderRadius: [0, 2, 2, 0] },
    label: {
      show: true,
      position: "right",
      color: ink.muted,
      fontSize: 11,
      formatter: ({ value }: { value: unknown }) => (typeof value === "number" ? fixed(3)(value) : ""),
    },
    data: rows.map((row) => row[which] ?? null),
  });
  return html`<figure><figcaption><b>${title}</b> ${legend}</figcaption>
${chart({
  id: "firing-rates",
  label: rows
    .map(
      ({ name, first, second }) =>
        `${name}: ${[first, second]
          .filter((v) => v !== undefined)
          .map(fixed(3))
          .join(" and ")}`,
    )
    .join("; "),
  width: 460,
  height: FRAME + rows.length * (two ? 3.4 : 2.1) * BAR,
  option: {
    grid: { left: 8, right: 44, top: 4, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: {
      type: "value",
      min: 0,
      splitNumber: 4,
      axisLabel: axisText,
      splitLine: { lineStyle: { color: ink.line } },
    },
    yAxis: {
      type: "category",
      inverse: true,
      data: rows.map(({ name }) => endOf(name)),
      axisLabel: { ...axisText, interval: 0 },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: ink.line } },
    },
    series: two ? [series("first"), series("second")] : [series("first")],
  },
})}</figure>`;
}

/** The end of a path, which tells it from others, where all of it is too long for an axis. */
function endOf(path: string): string {
  return path.length > LONGEST ? `…${path.slice(1 - LONGEST)}` : path;
}

function layerTable(layers: FiringRates["layers"]): Html {
  return html`<div class="scroll"><table class="numbers">
<thead><tr><th scope="col">Spiking layer</th><th scope="col">Φ</th><th scope="col">Silent neurons</th></tr></thead>
<tbody>${Object.entries(layers).map(
    ([name, { rate, silent }]) => html`
<tr><th scope="row">${name}</th><td>${fixed(4)(rate)}</td><td>${percent(silent)}</td></tr>`,
  )}
</tbody></table></div>`;
}
