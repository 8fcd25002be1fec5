/** @file Text that is HTML, and text that is not: nothing reaches the page unescaped by mistake. */

/** A piece of HTML, made by {@link html} or {@link trusted} alone. */
export class Html {
  constructor(readonly text: string) {}
}

/** What a template takes: HTML as it is, text and numbers escaped, lists one after another, `undefined` as nothing. */
export type Content = Html | string | number | undefined | readonly Content[];

/** A template of HTML; what is put into it is escaped. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(strings.map((string, i) => string + render(values[i])).join(""));
}

/** Takes a text for HTML as it is. */
export function trusted(text: string): Html {
  return new Html(text);
}

function render(value: Content): string {
  if (value === undefined) return "";
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
