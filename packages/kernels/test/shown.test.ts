import { shown } from "@sew/kernels";
import { describe, expect, it } from "vitest";

describe("shown", () => {
  it.each([
    [null, "null"],
    [undefined, "undefined"],
    [Number.NaN, "NaN"],
    [-0.5, "-0.5"],
    [7n, "7"],
    [true, "true"],
    ["a\nb\u009b", '"a\\nb\\x9b"'],
    ["x".repeat(99), `"${"x".repeat(60)}…"`],
    [[1, "\u001b"], '[1,"\\u001b"]'],
    [new Array(9).fill(0), "[9 values]"],
    [{ toString: () => "\u001b" }, "an object"],
    [() => 1, "a function"],
  ])("shows %o", (value, text) => expect(shown(value)).toBe(text));
});
