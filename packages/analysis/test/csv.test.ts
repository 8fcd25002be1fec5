import { csv } from "@sew/analysis";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

/** The cells of a text of RFC 4180, read by its grammar. */
function parse(text: string): string[][] {
  const rows: string[][] = [];
  let [row, cell, quoted] = [[] as string[], "", false];
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (quoted) {
      if (character !== '"') cell += character;
      else if (text[i + 1] === '"') cell += text[i++];
      else quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === "," || character === "\n") {
      row.push(cell);
      cell = "";
      if (character === "\n") {
        rows.push(row);
        row = [];
      }
    } else cell += character;
  }
  return rows;
}

describe("csv", () => {
  it("has a column for each value of nested records and arrays, and nothing where a record lacks it", () => {
    const text = csv({ a: { input: { norm: 1 }, perStep: [0.5, 0] }, b: { input: { norm: 2 }, isSilent: false } });
    expect(text).toBe("name,input.norm,perStep.0,perStep.1,isSilent\na,1,0.5,0,\nb,2,,,false\n");
  });

  it("has no names of a list", () => {
    expect(csv([{ epoch: 0 }, { epoch: 1, loss: undefined }])).toBe("epoch\n0\n1\n");
  });

  it("reads typed arrays as arrays, and keeps NaN and infinities", () => {
    expect(csv([{ neurons: Float32Array.of(0.5, Number.NaN), most: Number.POSITIVE_INFINITY }])).toBe(
      "neurons.0,neurons.1,most\n0.5,NaN,Infinity\n",
    );
  });

  it("keeps any name and any number", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ minLength: 1 }), fc.double(), { minKeys: 1 }), (values) => {
        const records = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]));
        const [heading, ...rows] = parse(csv(records));
        expect(heading).toEqual(["name", "value"]);
        // -0 is written as 0, as JSON does.
        const expected = Object.entries(values).map(([name, value]) => [name, String(value)]);
        expect(rows).toEqual(expected);
      }),
    );
  });
});
