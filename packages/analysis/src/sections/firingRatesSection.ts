import type { FiringRates } from "../firingRates.js";
import { barChart } from "../page/barChart.js";
import { fixed, percent } from "../page/format.js";
import { type Html, html } from "../page/html.js";
import { type Section, section, sideBySide } from "../page/section.js";
import { table } from "../page/table.js";

/**
 * Firing rates: bars for the blocks (for the layers where there are no blocks), a table of the layers, and warnings.
 *
 * @param rates the result of `firingRates`
 * @param title the heading. @defaultValue `"Firing rates"`
 * @returns no section where there are neither spiking layers nor blocks
 *
 * @example
 * const stem = { rate: 0.08, perStep: [0.16, 0], silent: 0.5, saturated: 0 };
 * const rates = { layers: { stem }, blocks: {}, warnings: [] };
 * firingRatesSection(rates)?.text.includes('aria-label="Spiking layers: stem 0.080"'); // true
 */
export function firingRatesSection(rates: FiringRates, title = "Firing rates"): Section | undefined {
  const { blocks, layers, warnings } = rates;
  const hasBlocks = Object.keys(blocks).length > 0;
  const hasLayers = Object.keys(layers).length > 0;
  if (!hasBlocks && !hasLayers) return undefined;
  return section(
    title,
    html`<p class="lead">Φ is the mean over time-steps, samples and neurons.${hasBlocks && aboutBlocks}</p>\n`,
    warnings.length > 0 && html`<ul class="notes">${warnings.map((warning) => html`<li>${warning}</li>`)}</ul>\n`,
    sideBySide(hasBlocks ? blockChart(blocks) : layerChart(layers), hasLayers && layerTable(layers)),
  );
}

const aboutBlocks = html` Of a block, A<sup>l</sup> is the mean output of its residual path, O<sup>l</sup> that of the
block: with ADD a mean of sums, which may exceed 1.`;

function blockChart(blocks: FiringRates["blocks"]): Html {
  const rates = Object.values(blocks);
  return barChart({
    title: "Blocks",
    names: Object.keys(blocks),
    bars: [
      { name: html`A<sup>l</sup>, residual path`, values: rates.map(({ residual }) => residual) },
      { name: html`O<sup>l</sup>, output`, values: rates.map(({ output }) => output) },
    ],
  });
}

function layerChart(layers: FiringRates["layers"]): Html {
  return barChart({
    title: "Spiking layers",
    names: Object.keys(layers),
    bars: [{ name: "Φ", values: Object.values(layers).map(({ rate }) => rate) }],
  });
}

function layerTable(layers: FiringRates["layers"]): Html {
  return table(
    ["Spiking layer", "Φ", "Silent neurons", "Saturated"],
    Object.entries(layers).map(([name, { rate, silent, saturated }]) => [
      name,
      fixed(4)(rate),
      percent(silent),
      percent(saturated),
    ]),
  );
}
