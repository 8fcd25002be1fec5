import { type Html, html } from "./html.js";

/** Settings, nested as one likes, as a table of names and values. */
export function settings(heading: string, values: object): Html | undefined {
  const rows = flat(values);
  if (rows.length === 0) return undefined;
  return html`<section>
<h2>${heading}</h2>
<div class="scroll"><table class="settings">
<tbody>${rows.map(
    ([name, value]) => html`
<tr><th scope="row">${name}</th><td>${value}</td></tr>`,
  )}
</tbody></table></div>
</section>`;
}

/** Names of nested values are joined by dots; what is undefined is left out. */
function flat(values: object, prefix = ""): [string, string][] {
  return Object.entries(values as Record<string, unknown>).flatMap(([name, value]): [string, string][] => {
    const path = prefix + name;
    if (value === undefined) return [];
    if (Array.isArray(value)) return [[path, value.map(written).join(", ") || "none"]];
    if (typeof value === "object" && value !== null && !(value instanceof Date)) return flat(value, `${path}.`);
    return [[path, written(value)]];
  });
}

function written(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (typeof value === "function") return value.name || "function";
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}
