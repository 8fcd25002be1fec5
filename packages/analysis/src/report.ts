import { createHash } from "node:crypto";
import { type Figure, tiles } from "./page/figures.js";
import { type Content, html, trustedHtml } from "./page/html.js";
import { interact } from "./page/interact.js";
import type { Section } from "./page/section.js";
import { style } from "./page/style.js";

/** What a report shows. */
export interface Report {
  /** The heading. */
  readonly title: string;
  /** A line under the heading, such as network and data set. @defaultValue none */
  readonly subtitle?: Content;
  /** What a reader must know first, such as that the data are synthetic. @defaultValue none */
  readonly notes?: readonly Content[];
  /** Numbers at the head, such as those of `summaryFigures`. @defaultValue none */
  readonly figures?: readonly Figure[];
  /** The sections in order; `undefined` and `false` are left out. */
  readonly sections: readonly (Section | undefined | false)[];
}

/** The only script of the page: it shows values and zooms. */
const SCRIPT = `(${interact.toString()})();`;

/** No network, and no script but this one: all that the page shows is in the file itself. */
const POLICY =
  "default-src 'none'; img-src data:; style-src 'unsafe-inline'; " +
  `script-src 'sha256-${createHash("sha256").update(SCRIPT).digest("base64")}'`;

/**
 * A report as one HTML page that needs no network. It is whole without its script, which shows the values of charts under the
 * pointer, a finger or the arrow keys, and zooms curves.
 *
 * It shows the sections that it receives, in order: those of `trainingSection`, `confusionSection`, `firingRatesSection`,
 * `samplesSection` and `settingsSection`, and any other that `section` makes. The same content gives the same page, byte
 * for byte. Text is escaped.
 *
 * @example
 * const energy = section("Energy", html`<p>Estimated at ${3.1} mJ per sample.</p>`);
 * const page = report({ title: "7B-Net", figures: [{ name: "Energy", value: "3.1 mJ" }], sections: [energy] });
 * page.includes("<h2>Energy</h2>\n<p>Estimated at 3.1 mJ per sample.</p>"); // true
 */
export function report({ title, subtitle, notes = [], figures = [], sections }: Report): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${title}</title>
<style>${trustedHtml(style)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
${subtitle !== undefined && html`<p class="subtitle">${subtitle}</p>`}
${notes.length > 0 && html`<ul class="notes">${notes.map((note) => html`<li>${note}</li>`)}</ul>`}
${tiles(figures)}
</header>
<main>${sections.map((each) => each && html`\n${each}`)}
</main>
<script>${trustedHtml(SCRIPT)}</script>
</body>
</html>
`.text;
}
