/** @file Values and texts of a user as messages show them: what a terminal would obey is escaped. */

/** Control and formatting characters, in which a terminal's commands begin, but no line break. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

const escaped = (character: string): string =>
  character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");

/**
 * A text with its control characters as `\u001b`, so that a terminal shows them instead of obeying. Line breaks stay.
 *
 * @internal
 */
export function printable(text: string): string {
  return text.replaceAll(unprintable, (character) => (character === "\n" ? character : escaped(character)));
}

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
