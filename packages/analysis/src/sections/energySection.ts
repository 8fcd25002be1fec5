import { energy, operationCosts } from "../energy.js";
import { barChart } from "../page/barChart.js";
import { short } from "../page/format.js";
import { html } from "../page/html.js";
import { type Section, section } from "../page/section.js";
import { table } from "../page/table.js";
import type { SynOps } from "../synOps.js";

const conventions = [
  ["exact", "Spikes, exact"],
  ["rate", "Spikes, rate × operations"],
  ["countsAsMacs", "Sums of spikes as dense"],
  ["dense", "All dense"],
] as const;

/**
 * The energy that synaptic operations take, under each convention and at each precision, and what that leaves out.
 *
 * @param ops the result of `synOps`
 * @param title the heading. @defaultValue `"Energy"`
 * @returns no section where no layer was counted
 *
 * @example
 * const net = sequential({ flatten: flatten(), classifier: linear(4, 3) });
 * const ops = await synOps(net, ones([2, 1, 2, 2, 1]));
 * energySection(ops)?.text.includes("memory traffic"); // true
 */
export function energySection(ops: SynOps, title = "Energy"): Section | undefined {
  if (Object.keys(ops.layers).length === 0) return undefined;
  const precisions = Object.entries(operationCosts);
  const repeats = ops.total.realMacsOnce !== ops.total.realMacs;
  const named = repeats ? (["as run", "once"] as const) : (["as run"] as const);
  return section(
    title,
    html`<p class="lead">Microjoules for one sample and all its time-steps: arithmetic alone, at the costs of Horowitz
(ISSCC 2014, 45 nm): ${precisions
      .map(([name, { mac, ac }]) => `${name} ${mac} pJ a multiply-accumulate, ${ac} pJ an addition`)
      .join(
        "; ",
      )}. It leaves out memory traffic and neurons, which most often take more, so that it compares networks under
one convention, and no chips.</p>\n`,
    barChart({
      title: "Energy at fp32, µJ",
      names: conventions.map(([, name]) => name),
      bars: [{ values: conventions.map(([key]) => energy(ops)[key] * 1000) }],
      format: short,
    }),
    table(
      ["µJ", ...precisions.map(([name]) => name)],
      conventions.flatMap(([key, name]) =>
        named.map((repeated) => [
          repeats ? `${name}, repeated images ${repeated}` : name,
          ...precisions.map(([, costs]) => short(energy(ops, { costs, repeated })[key] * 1000)),
        ]),
      ),
    ),
  );
}
