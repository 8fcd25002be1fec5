import { printable } from "@sew/kernels";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("printable", () => {
  it("leaves no control character but new lines and tabs, and all other texts as they are", () =>
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const shown = printable(text);
        const codes = Array.from(shown, (character) => character.codePointAt(0)!);
        expect(codes.filter((code) => (code < 32 && code !== 9 && code !== 10) || (code >= 127 && code < 160))).toEqual(
          [],
        );
        if (/^[\n\t\x20-\x7e]*$/.test(text)) expect(shown).toBe(text);
      }),
    ));

  it.each([
    ["\u001b[31m", "\\x1b[31m"],
    ["a\rb", "a\\x0db"],
    ["\u009b", "\\x9b"],
    ["\u202e", "\\u202e"],
    ["é\n\t", "é\n\t"],
  ])("shows %j as %s", (text, shown) => expect(printable(text)).toBe(shown));
});
