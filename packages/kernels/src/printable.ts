/**
 * A text as a terminal may show it: control characters, and those that reorder text, become escapes such as `\x1b`. New lines
 * and tabs stay.
 *
 * Names of files, tensors and modules come from others; written as they are, they could move the cursor or colour the screen.
 *
 * @internal
 *
 * @example
 * printable("a\u001b[31mb"); // "a\\x1b[31mb"
 */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]|\p{Bidi_Control}/gu, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
  });
}
