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

  it("counts a property that is undefined as missing, and -0 as 0", () => {
    expect(fingerprint({ a: [1], b: undefined })).toBe(fingerprint({ a: [1] }));
    expect(fingerprint(Object.assign(Object.create(null), { a: -0 }))).toBe(fingerprint({ a: 0 }));
  });

  const cyclic: unknown[] = [1];
  cyclic.push({ again: cyclic });
  it.each<[unknown, string]>([
    [Number.NaN, "value must be …, got NaN"],
    [{ noise: Number.NaN }, "value.noise must be …, got NaN"],
    [[1, [2, Number.POSITIVE_INFINITY]], "value[1][1] must be …, got Infinity"],
    [Float32Array.of(0, -Infinity), "value[1] must be …, got -Infinity"],
    [BigInt64Array.of(3n), "value[0] must be …, got 3n"],
    [new Set([1]), "value must be …, got Set(1) { 1 }"],
    [{ "a b": new Map([[1, 2]]) }, "value['a b'] must be …, got Map(1) { 1 => 2 }"],
    [{ at: new Date(0) }, "value.at must be …, got 1970-01-01T00:00:00.000Z"],
    [{ read() {} }, "value.read must be …, got [Function: read]"],
    [[1, undefined], "value[1] must be …, got undefined"],
    [new Array(1), "value[0] must be …, got undefined"],
    [undefined, "value must be …, got undefined"],
    [{ a: Symbol("b") }, "value.a must be …, got Symbol(b)"],
    [new ArrayBuffer(2), "value must be …, got ArrayBuffer"],
    [new DataView(new ArrayBuffer(2)), "value must be …, got DataView"],
    [new (class Point {})(), "value must be …, got Point {}"],
    [cyclic, "value[1].again must be …, got a cycle"],
  ])("refuses what JSON does not hold, and says where: %o", (value, message) => {
    const [place, got] = message.split(" must be …, got ") as [string, string];
    expect(() => fingerprint(value)).toThrow(TypeError);
    expect(() => fingerprint(value)).toThrow(
      `fingerprint: ${place} must be a text, a finite number, a boolean, null, or an array or a plain object of these, got ${got}`,
    );
    expect(() => fingerprint(value)).toThrow(/; convert it$/);
  });

  it("finds what JSON does not hold at any depth", () =>
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.stringMatching(/^[a-z]+$/), fc.nat(3)), { maxLength: 6 }),
        fc.constantFrom<unknown>(Number.NaN, -Infinity, 1n, new Map(), new Set(), new Date(0), Symbol("s"), () => 1),
        json,
        (path, wrong, right) => {
          const within = (inner: unknown) =>
            path.reduceRight<unknown>(
              (value, key) =>
                typeof key === "string" ? { A: right, [key]: value } : [...Array(key).fill(right), value],
              inner,
            );
          const place = path.map((key) => (typeof key === "string" ? `.${key}` : `[${key}]`)).join("");
          expect(fingerprint(within(right))).toMatch(/^[0-9a-f]{64}$/);
          expect(() => fingerprint(within(wrong))).toThrow(`fingerprint: value${place} must be a text, `);
        },
      ),
    ));

  it("takes the same value in two places for no cycle", () => {
    const shared = { a: [1] };
    expect(fingerprint([shared, shared])).toBe(fingerprint([{ a: [1] }, { a: [1] }]));
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
