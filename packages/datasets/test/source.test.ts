import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheFrames, checkIndices, fingerprint, type Source } from "@sew/datasets";
import { describeSource } from "@sew/datasets/testing";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { numbers } from "./fixtures/own.mjs";
import { datasetOf, type Row, temporaryFolder } from "./support.js";

/** A frame cache of these samples, in a folder of its own. */
async function cacheOf(of: readonly (readonly Row[])[], frames = 2): Promise<Source> {
  const dir = await temporaryFolder();
  const file = join(dir, "source");
  await writeFile(file, "");
  await appendFile(file, `${dir}`);
  return cacheFrames(datasetOf(of, file), "train", { dir, frames });
}
const rows = Array.from({ length: 9 }, (_, i): Row[] => [
  [0, i % 3, 1, 1],
  [i, 2, i % 4, 0],
]);

describeSource("a frame cache", () => cacheOf(rows), {
  changed: {
    "another order": () => cacheOf(rows.toReversed()),
    "another event": () => cacheOf(rows.with(3, [[0, 0, 0, 0]])),
    "fewer samples": () => cacheOf(rows.slice(1)),
    "other frames": () => cacheOf(rows, 3),
  },
});

describeSource("a source made by defineSource", () => numbers({ count: 12 }), {
  changed: { "another count": () => numbers({ count: 11 }) },
});

const plain = (step: number): Source => ({
  name: "plain",
  classes: ["only"],
  count: 3,
  shape: [2, 1, 1, 1],
  labels: [0, 0, 0],
  names: ["a", "b", "c"],
  fingerprint: fingerprint({ name: "plain", step }),
  async read(indices) {
    checkIndices("plain", 3, indices);
    return Float32Array.from(Array.from(indices).flatMap((i) => [step * i, -i]));
  },
});
describeSource("a plain object", () => plain(1), { changed: { "another step": () => plain(2) } });

describe("fingerprint", () => {
  const json = fc.jsonValue({ maxDepth: 3 });

  it("is that of the value: of equal values the same, whatever the order of keys, of others another", () =>
    fc.assert(
      fc.property(json, json, fc.dictionary(fc.string(), json), (a, b, record) => {
        expect(fingerprint(a)).toBe(fingerprint(structuredClone(a)));
        // JSON has one zero.
        expect(fingerprint(a) === fingerprint(b)).toBe(fingerprint([a, b]) === fingerprint([b, a]));
        const reversed = Object.fromEntries(Object.entries(record).toReversed());
        expect(fingerprint(reversed)).toBe(fingerprint(record));
      }),
    ));

  it("tells orders, types and nesting apart", () => {
    const all = [[1, 2], [2, 1], [[1], 2], ["1", 2], { 0: 1, 1: 2 }, 12, null].map(fingerprint);
    expect(new Set(all).size).toBe(all.length);
    expect(fingerprint(Float32Array.of(1, 2))).toBe(all[0]);
  });
});

describe("checkIndices", () => {
  it("names the source and the first wrong index", () => {
    checkIndices("digits", 3, [2, 0, 2]);
    expect(() => checkIndices("digits", 3, Float64Array.of(0, 1.5, 3))).toThrow(
      new RangeError("digits: indices must be integers in 0..2, got 1.5"),
    );
  });
});
