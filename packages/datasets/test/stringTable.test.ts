import * as fc from "fast-check";
import { expect, it } from "vitest";
import { packStrings, stringAt } from "../src/stringTable.js";

it("a table of strings has every text at its place, in memory that a thread shares", () =>
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" })), (texts) => {
      const table = packStrings(texts);
      expect(texts.map((_, i) => stringAt(table, i))).toEqual(texts);
      const sent = structuredClone(table);
      table.bytes.fill(0x61);
      texts.forEach((text, i) => void expect(stringAt(sent, i)).toBe("a".repeat(Buffer.byteLength(text))));
    }),
  ));
