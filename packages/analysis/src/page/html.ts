/** @file HTML as a type of its own, so that no text reaches the page unescaped by mistake. */

/** A piece of HTML. {@link html} and {@link trustedHtml} make it. */
export class Html {
  /** Makes the type nominal: an object with a `text` is no HTML. */
  readonly #text: string;

  /** @internal */
  constructor(text: string) {
    this.#text = text;
  }

  /** The HTML as a string. */
  get text(): string {
    return this.#text;
  }
}

/** A value of a template: HTML stays as it is, strings and numbers are escaped, lists are joined, the rest is left out. */
export type Content = Html | string | number | false | undefined | readonly Content[];

/**
 * A template of HTML. Values are escaped; HTML in them, such as that of a nested template, stays as it is.
 *
 * Quote the attributes that hold a value: `title="${title}"`.
 *
 * @example
 * html`<b>${"A & B"}</b>`.text; // "<b>A &amp; B</b>"
 * html`<ul>${["a", "b"].map((name) => html`<li>${name}</li>`)}</ul>`.text; // "<ul><li>a</li><li>b</li></ul>"
 */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(strings.map((string, i) => string + render(values[i])).join(""));
}

/**
 * Marks a string as HTML: it reaches the page unescaped. Never pass text from outside, such as names in a data set.
 *
 * @example
 * html`<p>${trustedHtml("<i>φ</i>")}</p>`.text; // "<p><i>φ</i></p>"
 */
export function trustedHtml(text: string): Html {
  return new Html(text);
}

function render(value: Content): string {
  if (value === undefined || value === false) return "";
  if (value instanceof Html) return value.text;
  if (typeof value === "object") return value.map(render).join("");
  return escaped(String(value));
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]!);
}
