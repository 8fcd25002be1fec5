import { type Html, html } from "./html.js";

/** A number at the head of a report. */
export interface Figure {
  /** What it measures, such as `"Energy"`. */
  readonly name: string;
  /** The value with its unit, such as `"3.1 mJ"`. */
  readonly value: string | number;
  /** A line under it, such as `"per sample"`. @defaultValue none */
  readonly detail?: string;
}

/** The tiles at the head of a report. */
export function tiles(figures: readonly Figure[]): Html | undefined {
  if (figures.length === 0) return undefined;
  return html`<dl class="tiles">${figures.map(
    ({ name, value, detail }) => html`
<div><dt>${name}</dt><dd>${value}</dd>${detail !== undefined && html`<dd class="detail">${detail}</dd>`}</div>`,
  )}</dl>`;
}
