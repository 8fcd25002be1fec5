import { type Html, html } from "./html.js";

/** The name of what a colour stands for, after a sample of it: a square, or a line as drawn. */
export function key(colour: Colour, name: Html | string, shape: "square" | "line" = "square"): Html {
  return html`<span class="key"><i class="${shape} ${colour}"></i>${name}</span>`;
}

type Colour = "first" | "second" | "on" | "off";
