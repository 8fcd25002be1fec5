import { type Content, type Html, html } from "./html.js";

/** A part of a report: any HTML. {@link section} makes one under a heading. */
export type Section = Html;

/**
 * A section of a report under a heading of its own.
 *
 * @param title the heading
 * @param content HTML from the template `html`, charts, tables; text is escaped
 *
 * @example
 * section("Energy", html`<p>Estimated at ${3.1} mJ per sample.</p>`).text;
 * // "<section>\n<h2>Energy</h2>\n<p>Estimated at 3.1 mJ per sample.</p>\n</section>"
 */
export function section(title: string, ...content: readonly Content[]): Section {
  return html`<section>
<h2>${title}</h2>
${content}
</section>`;
}

/**
 * Places parts side by side where the page is wide enough, two in a row, and below one another where it is not.
 *
 * @example
 * sideBySide(section("Left", "A"), section("Right", "B")).text.startsWith('<div class="pair">'); // true
 */
export function sideBySide(...parts: readonly Content[]): Html {
  return html`<div class="pair">${parts.map(
    (part) => html`
${part}`,
  )}
</div>`;
}
