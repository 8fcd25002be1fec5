import { type Html, html } from "../page/html.js";
import { type Section, section, sideBySide } from "../page/section.js";

/**
 * Settings as tables of names and values, side by side.
 *
 * The names of nested values are joined by dots; `undefined` is left out.
 *
 * @param groups the settings under each heading, as nested objects
 * @returns no section where there are no settings
 *
 * @example
 * const settings = settingsSection({ Configuration: { optimizer: { momentum: 0.9 } }, Environment: { node: "v22" } });
 * settings?.text.includes('<th scope="row">optimizer.momentum</th><td>0.9</td>'); // true
 */
export function settingsSection(groups: Readonly<Record<string, object | undefined>>): Section | undefined {
  const tables = Object.entries(groups).flatMap(([heading, values = {}]) => {
    const rows = settingsRows(values);
    return rows.length === 0 ? [] : [section(heading, settingsTable(rows))];
  });
  return tables.length === 0 ? undefined : sideBySide(...tables);
}

function settingsTable(rows: readonly (readonly [string, string])[]): Html {
  return html`<div class="scroll"><table class="settings">
<tbody>${rows.map(
    ([name, value]) => html`
<tr><th scope="row">${name}</th><td>${value}</td></tr>`,
  )}
</tbody></table></div>`;
}

/**
 * Nested settings as names joined by dots, and values as text; `undefined` is left out.
 *
 * @example
 * settingsRows({ optimizer: { name: "sgd" }, stages: [32, 64] }); // [["optimizer.name", "sgd"], ["stages", "32, 64"]]
 */
export function settingsRows(values: object): [name: string, value: string][] {
  return flatten(values, "");
}

function flatten(values: object, prefix: string): [string, string][] {
  return Object.entries(values as Record<string, unknown>).flatMap(([name, value]): [string, string][] => {
    const path = prefix + name;
    if (value === undefined) return [];
    if (Array.isArray(value)) return [[path, value.map(write).join(", ") || "none"]];
    if (typeof value === "object" && value !== null && !(value instanceof Date)) return flatten(value, `${path}.`);
    return [[path, write(value)]];
  });
}

function write(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (typeof value === "function") return value.name || "function";
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}
