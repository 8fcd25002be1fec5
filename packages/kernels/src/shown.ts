import { printable } from "./printable.js";

/**
 * A value as an error message shows it: texts in quotes, escaped and cut after 60 characters.
 *
 * @internal
 */
export function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return printable(JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value));
    case "function":
      return "a function";
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? `[${value.length > 8 ? `${value.length} values` : value.map(shown)}]` : "an object";
    default:
      return String(value);
  }
}
