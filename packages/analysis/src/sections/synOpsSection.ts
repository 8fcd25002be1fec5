import { barChart } from "../page/barChart.js";
import { percent, short } from "../page/format.js";
import { html } from "../page/html.js";
import { type Section, section } from "../page/section.js";
import { table } from "../page/table.js";
import type { SynOps } from "../synOps.js";

/**
 * Synaptic operations: bars and a table of the layers under both conventions, and what the conventions count.
 *
 * @param ops the result of `synOps`
 * @param title the heading. @defaultValue `"Synaptic operations"`
 * @returns no section where no layer was counted
 *
 * @example
 * const net = sequential({ flatten: flatten(), classifier: linear(4, 3) });
 * const ops = await synOps(net, ones([2, 1, 2, 2, 1]));
 * synOpsSection(ops)?.text.includes('<th scope="row">classifier</th>'); // true
 */
export function synOpsSection(
  { layers, total, samples, warnings }: SynOps,
  title = "Synaptic operations",
): Section | undefined {
  const rows = Object.entries(layers);
  if (rows.length === 0) return undefined;
  const millions = (count: number) => short(count / 1e6);
  return section(
    title,
    html`<p class="lead">Millions of operations for one sample and all its time-steps, means of ${samples} ${
      samples === 1 ? "sample" : "samples"
    }. <b>Exact</b>: each spike counts
once for each output that it reaches (SpikingJelly 2, Sinabs). <b>Rate</b>: mean input times dense multiply-accumulates,
padding included (most papers). A sum of k spikes counts as k. Layers with real-valued input are multiply-accumulates under
both. Biases, norms, neurons and pooling are left out.</p>\n`,
    warnings.length > 0 && html`<ul class="notes">${warnings.map((warning) => html`<li>${warning}</li>`)}</ul>\n`,
    barChart({
      title: "Operations, millions",
      names: rows.map(([name]) => name),
      bars: [
        { name: "Exact", values: rows.map(([, ops]) => inMillions(ops.exact, ops.input)) },
        { name: "Rate", values: rows.map(([, ops]) => inMillions(ops.rate, ops.input)) },
        { name: "Dense multiply-accumulates", values: rows.map(([, { macs }]) => macs / 1e6) },
      ],
      format: short,
    }),
    table(
      ["Layer", "Input", "Density", "Exact", "Rate", "Dense"],
      [
        ...rows.map(([name, { input, density, exact, rate, macs }]) => [
          name,
          input,
          percent(density),
          ...(input === "reals" ? ["–", "–"] : [millions(exact), millions(rate)]),
          millions(macs),
        ]),
        ["Total", "", "", millions(total.exact), millions(total.rate), millions(total.macs)],
      ],
    ),
  );
}

/** No bar for layers that are multiply-accumulates alone. */
function inMillions(operations: number, input: string): number | undefined {
  return input === "reals" ? undefined : operations / 1e6;
}
