import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readAtis } from "@sew/datasets";
import { describe, expect, it } from "vitest";
import { encodeAtis } from "../fixtures/recordings.mjs";
import { describeSampleData, type Row, rowsOf } from "../support.js";
import { describeFormat } from "./describeFormat.js";

describeFormat({ format: "ATIS", read: readAtis, encode: encodeAtis, maxTime: 2 ** 23 - 1, maxX: 255, maxY: 239 });

describe("readAtis", () => {
  it("takes y = 240 as 2^13 us more for all that follows", async () => {
    const rows: Row[] = [
      [5, 1, 1, 1],
      [0, 0, 240, 0],
      [6, 2, 2, 0],
      [0, 0, 240, 0],
      [7, 3, 3, 1],
    ];
    expect(rowsOf(await readAtis(encodeAtis(rows), { height: 180, width: 240 }))).toEqual([
      [5, 1, 1, 1],
      [6 + 8192, 2, 2, 0],
      [7 + 16384, 3, 3, 1],
    ]);
  });

  it("keeps counting overflows from one chunk of the file to the next", async () => {
    const rows = Array.from(
      { length: 250_000 },
      (_, i): Row => (i % 1000 === 0 ? [0, 0, 240, 0] : [i % 8192, 1, 1, 1]),
    );
    const { t } = await readAtis(encodeAtis(rows));
    expect([t.length, t.at(-1)]).toEqual([249_750, 250 * 8192 + (249_999 % 8192)]);
  });

  it("finds no events in an empty file", async () => {
    expect((await readAtis(new Uint8Array())).t.length).toBe(0);
  });

  describeSampleData("tonic-test-data", (folder) => {
    it("reads a sample of N-MNIST as published", async () => {
      const names = await readdir(folder, { recursive: true });
      const { t } = await readAtis(join(folder, names.find((name) => name.endsWith("sample_nmnist.bin"))!));
      expect([t.length, t[0], t.at(-1)]).toEqual([4325, 654, 311175]);
    });
  });

  describeSampleData("dvs128-gesture-bs2", (folder) => {
    it("reads the clips of DVS128 Gesture that SLAYER converted", async () => {
      const counts = [];
      for (let gesture = 1; gesture <= 10; gesture++) {
        const { t } = await readAtis(join(folder, `${gesture}.bs2`), { height: 128, width: 128 });
        counts.push(t.length);
      }
      expect(counts.slice(0, 3)).toEqual([63_471, 84_260, 113_063]);
      expect(counts.reduce((a, b) => a + b, 0)).toBe(1_206_710);
    });
  });
});
