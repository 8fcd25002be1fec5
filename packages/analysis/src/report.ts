import { confusionMatrix } from "./report/confusionMatrix.js";
import { eventSamples } from "./report/eventSamples.js";
import { html, trusted } from "./report/html.js";
import { rates } from "./report/rates.js";
import { settings } from "./report/settings.js";
import { style } from "./report/style.js";
import { tiles } from "./report/tiles.js";
import { training } from "./report/training.js";
import type { ReportData } from "./reportData.js";

/** Nothing but what is in the file itself: no script, no network. */
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/**
 * The report of a run as one HTML page, which needs neither network nor scripts: curves, confusion matrix, firing rates,
 * samples, settings, as far as there is data for them.
 *
 * The same data gives the same page, byte for byte. All text in the data is escaped.
 *
 * @throws RangeError when the confusion matrix is not square or its classes are not all named, or the frames of a sample
 *   do not fit their shape
 *
 * @example
 * report({ title: "7B-Net" }).includes("<h1>7B-Net</h1>"); // true
 */
export function report(data: ReportData): string {
  const { title, subtitle, notes = [], summary = {}, history = [], confusion, firingRates, samples = [] } = data;
  const { configuration = {}, environment = {} } = data;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${title}</title>
<style>${trusted(style)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
${subtitle && html`<p class="subtitle">${subtitle}</p>`}
${notes.length === 0 ? undefined : html`<ul class="notes">${notes.map((note) => html`<li>${note}</li>`)}</ul>`}
${tiles(summary, history)}
</header>
<main>
${training(history)}
${confusion && confusionMatrix(confusion)}
${firingRates && rates(firingRates)}
${eventSamples(samples)}
<div class="pair">
${settings("Configuration", configuration)}
${settings("Environment", environment)}
</div>
</main>
</body>
</html>
`.text;
}
