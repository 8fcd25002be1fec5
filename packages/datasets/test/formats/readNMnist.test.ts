import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseNMnist, readNMnist } from "@sew/datasets";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeSampleData, formatError, type Row, rowsOf, temporaryFolder } from "../support.js";

const encode = (rows: readonly Row[]): Uint8Array =>
  Uint8Array.from(rows.flatMap(([t, x, y, p]) => [x, y, (p << 7) | (t >> 16), (t >> 8) & 255, t & 255]));

describe("parseNMnist", () => {
  it("reads 40 bits an event", () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2 ** 23 - 1), fc.nat(33), fc.nat(33), fc.nat(1))), (rows) => {
        expect(rowsOf(parseNMnist(encode(rows)))).toEqual(rows);
      }),
    ));

  it("takes y = 240 as 2^13 us more for all that follows", () => {
    const rows: Row[] = [
      [5, 1, 1, 1],
      [0, 0, 240, 0],
      [6, 2, 2, 0],
      [0, 0, 240, 0],
      [7, 3, 3, 1],
    ];
    expect(rowsOf(parseNMnist(encode(rows)))).toEqual([
      [5, 1, 1, 1],
      [6 + 8192, 2, 2, 0],
      [7 + 16384, 3, 3, 1],
    ]);
  });

  it.each([
    [
      new Uint8Array(12),
      "hold events of 5 bytes, got 2 bytes at byte 10; the file is truncated or of another format: copy or download it again",
    ],
    [
      encode([
        [0, 33, 33, 1],
        [0, 34, 0, 1],
      ]),
      "hold events of a sensor of 34 rows and 34 columns, got one at x 34, y 0 at byte 5; the file is damaged or of another data set",
    ],
    [
      encode([[0, 0, 34, 1]]),
      "hold events of a sensor of 34 rows and 34 columns, got one at x 0, y 34 at byte 0; the file is damaged or of another data set",
    ],
  ])("refuses %j", (bytes, says) => {
    expect(() => parseNMnist(bytes, "1.bin")).toThrow(formatError(`readNMnist: 1.bin must ${says}`));
  });
});

describe("readNMnist", () => {
  it("names the file, and finds no events in an empty one", async () => {
    const path = join(await temporaryFolder(), "a.bin");
    await writeFile(path, "");
    expect((await readNMnist(path)).t.length).toBe(0);
    await writeFile(path, "abc");
    await expect(readNMnist(path)).rejects.toThrow(`readNMnist: ${path} must hold events of 5 bytes`);
  });

  describeSampleData("tonic-test-data", (folder) => {
    it("reads a sample as published", async () => {
      const names = await readdir(folder, { recursive: true });
      const { t } = await readNMnist(join(folder, names.find((name) => name.endsWith("sample_nmnist.bin"))!));
      expect([t.length, t[0], t.at(-1)]).toEqual([4325, 654, 311175]);
    });
  });
});
