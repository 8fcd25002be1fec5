import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseCifar, readCifar } from "@sew/datasets";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatError, temporaryFolder } from "../support.js";
import { cifarFile } from "./cifar.js";

const remedy = "the file is truncated or of another format: download it again";

describe("readCifar", () => {
  it("reads the labels and pixels that were written, of any number of label bytes", () =>
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 256 }), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(255),
        (classes, count, seed) => {
          const labelsOf = (i: number) => classes.map((of, kind) => (seed + i * (kind + 1)) % of);
          const colour = (i: number, row: number, column: number, c: number) =>
            (seed + 7 * i + 31 * row + column + 101 * c) % 256;
          const { labels, pixels } = parseCifar(cifarFile(count, labelsOf, colour), { classes });
          expect(labels.length).toBe(classes.length);
          for (let i = 0; i < count; i++) {
            expect(labels.map((kind) => kind[i])).toEqual(labelsOf(i));
            for (const [row, column] of [
              [0, 0],
              [0, 31],
              [31, 0],
              [17, 5],
              [31, 31],
            ] as const) {
              const at = ((i * 32 + row) * 32 + column) * 3;
              expect([...pixels.subarray(at, at + 3)]).toEqual([0, 1, 2].map((c) => colour(i, row, column, c)));
            }
          }
          expect(pixels.length).toBe(count * 32 * 32 * 3);
        },
      ),
      { numRuns: 20 },
    ));

  it("refuses every length but that of whole records, and says where the last one ends", () => {
    const good = cifarFile(2, () => [3]);
    for (const length of [0, 1, 3072, 3074, 6145]) {
      const whole = Math.floor(length / 3073) * 3073;
      expect(() => parseCifar(good.subarray(0, length), { classes: [10] }, "f")).toThrow(
        formatError(
          `readCifar: f must hold whole records of 3073 bytes, got a length of ${length} bytes at byte ${whole}; ${remedy}`,
        ),
      );
    }
    const longer = Uint8Array.of(...good, 0);
    expect(() => parseCifar(longer, { classes: [10], records: 2 }, "f")).toThrow(
      formatError(`readCifar: f must hold 2 records of 3073 bytes, got a length of 6147 bytes at byte 6146; ${remedy}`),
    );
    expect(() => parseCifar(good, { classes: [10], records: 1 }, "f")).toThrow(
      formatError(`readCifar: f must hold 1 records of 3073 bytes, got a length of 6146 bytes at byte 3073; ${remedy}`),
    );
    expect(() => parseCifar(good, { classes: [10], records: 3 }, "f")).toThrow(
      formatError(`readCifar: f must hold 3 records of 3073 bytes, got a length of 6146 bytes at byte 6146; ${remedy}`),
    );
  });

  it("refuses a label that is no class, and says where it is", async () => {
    const file = join(await temporaryFolder(), "train.bin");
    await writeFile(
      file,
      cifarFile(3, (i) => [19, i === 2 ? 100 : 99]),
    );
    await expect(readCifar(file, { classes: [20, 100] })).rejects.toThrow(
      formatError(
        `readCifar: ${file} must hold labels in 0..99, got 100 at byte ${2 * 3074 + 1}; the file is damaged or of another ` +
          "format: download it again",
      ),
    );
  });
});
