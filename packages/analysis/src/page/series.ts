/** @file Colour and dashes of the lines and bars of a chart: each pair occurs once, so that colour alone tells nothing. */
import { type Content, type Html, html } from "./html.js";

const colours = ["first", "second", "third", "fourth"] as const;
const dashes = ["solid", "dashed", "dotted"] as const;

/** How ECharts draws the dashes, in pixels. */
const patterns = { solid: "solid", dashed: [6, 4], dotted: [2, 3] } as const;

/** The most lines that one chart tells apart: 4 and 3 have no common divisor. */
export const mostSeries: number = colours.length * dashes.length;

/** The colour of a line or bar by its position. */
export function colourOf(index: number): string {
  return `var(--${colours[index % colours.length]!})`;
}

/** The dashes of a line by its position, as ECharts takes them. */
export function dashOf(index: number): "solid" | readonly number[] {
  return patterns[dashes[index % dashes.length]!];
}

/** The legend of a chart: a sample of each line or bar, then its name. Series without names have none. */
export function legend(names: readonly Content[], shape: "line" | "square"): Html {
  return html`${names.map((name, i) => {
    if (name === undefined || name === "") return undefined;
    const dash = shape === "line" ? ` ${dashes[i % dashes.length]!}` : "";
    return html` ${key(`${colours[i % colours.length]!}${dash}`, name, shape)}`;
  })}`;
}

/** A sample of a colour, then what it stands for. */
export function key(colour: string, name: Content, shape: "line" | "square" = "square"): Html {
  return html`<span class="key"><i class="${shape} ${colour}"></i>${name}</span>`;
}
