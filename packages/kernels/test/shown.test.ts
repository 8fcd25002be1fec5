import { printable, shown } from "@sew/kernels";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

/** Texts with many characters that a terminal may obey. */
const texts = fc.string({
  unit: fc.oneof(
    fc.constantFrom("\u001b", "\u009b", "\u0007", "\u007f", "\r", "\n", "\u202e", "\u2028", "\u{e0001}"),
    fc.string({ minLength: 1, maxLength: 1, unit: "binary" }),
  ),
});

describe("printable", () => {
  it("leaves no control character but line breaks", () =>
    fc.assert(fc.property(texts, (text) => expect(printable(text)).not.toMatch(/[^\P{C}\n\p{Cs}\p{Co}\p{Cn}]/u))));

  it("changes no other text", () =>
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", "é", "中", "😀", "\n", " ", "\\") }), (text) =>
        expect(printable(text)).toBe(text),
      ),
    ));

  it("shows what it escapes", () => expect(printable("\u001b[2J\u{e0001}")).toBe("\\u001b[2J\\udb40\\udc01"));
});

describe("shown", () => {
  it.each([
    [null, "null"],
    [undefined, "undefined"],
    [Number.NaN, "NaN"],
    [-0.5, "-0.5"],
    [7n, "7"],
    [true, "true"],
    ["a\nb\u009b", '"a\\nb\\u009b"'],
    ["x".repeat(99), `"${"x".repeat(60)}…"`],
    [[1, "\u001b"], '[1,"\\u001b"]'],
    [new Array(9).fill(0), "[9 values]"],
    [{ toString: () => "\u001b" }, "an object"],
    [() => 1, "a function"],
  ])("shows %o", (value, text) => expect(shown(value)).toBe(text));
});
