/** @file What holds of every reader of event recordings. A format's test calls `describeFormat` once. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Events,
  FileFormatError,
  type RecordingFile,
  type RecordingOptions,
  recogniseRecording,
} from "@sew/datasets";
import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { formatError, type Row, rowsOf, temporaryFolder } from "../support.js";

/** A format under test. */
export interface FormatCase {
  readonly format: string;
  readonly read: (file: RecordingFile, options?: RecordingOptions) => Promise<Events>;
  /** Writes events; see `fixtures/recordings.mjs`. */
  readonly encode: (rows: readonly Row[]) => Uint8Array;
  /** The largest time that a file can hold before its clock wraps around, in microseconds. */
  readonly maxTime: number;
  readonly maxX: number;
  readonly maxY: number;
  /** Microseconds after which the clock wraps around. @defaultValue it never does */
  readonly period?: number;
  /** Whether a file that was cut anywhere within its events can be read up to the cut. @defaultValue `true` */
  readonly cuttable?: boolean;
}

/** Events that share times and rows, lie at the ends of their ranges, and have neighbours in a row, as often as not. */
export const rowsFor = ({
  maxTime,
  maxX,
  maxY,
}: Pick<FormatCase, "maxTime" | "maxX" | "maxY">): fc.Arbitrary<Row[]> => {
  const ends = (max: number): fc.Arbitrary<number> =>
    fc.oneof(fc.nat(max), fc.constantFrom(0, 1, Math.max(0, max - 1), max), fc.nat(Math.min(max, 3)));
  const burst = fc
    .tuple(ends(maxTime), fc.uniqueArray(ends(maxX), { minLength: 1, maxLength: 20 }), ends(maxY), fc.nat(1))
    .map(([t, columns, y, p]) => columns.toSorted((a, b) => a - b).map((x): Row => [t, x, y, p]));
  return fc.array(burst, { maxLength: 8 }).map((bursts) => bursts.flat().toSorted(([a], [b]) => a - b));
};

export function describeFormat({ format, read, encode, period, cuttable = true, ...range }: FormatCase): void {
  const reader = read.name;
  const some = fc.sample(rowsFor(range), { numRuns: 20, seed: 1 }).toSorted((a, b) => b.length - a.length)[0]!;

  describe(`${reader} as a reader of recordings`, () => {
    it("reads what was written, in its order", () =>
      fc.assert(
        fc.asyncProperty(rowsFor(range), async (rows) => {
          expect(rowsOf(await read(encode(rows)))).toEqual(rows);
        }),
      ));

    it("reads bytes at any offset of a larger buffer", async () => {
      const bytes = encode(some);
      for (const shift of [1, 2, 3, 4]) {
        const larger = new Uint8Array(bytes.length + shift);
        larger.set(bytes, shift);
        expect(rowsOf(await read(larger.subarray(shift)))).toEqual(some);
      }
    });

    it("reads a file of several chunks, the same as its bytes", async () => {
      const rows = Array.from(
        { length: 300_000 },
        (_, i): Row => [
          Math.floor((i * Math.min(range.maxTime, 1e6)) / 300_000),
          i % (range.maxX + 1),
          (i >> 3) % (range.maxY + 1),
          i & 1,
        ],
      );
      const bytes = encode(rows);
      const path = join(await temporaryFolder(), "long");
      await writeFile(path, bytes);
      const [events, same] = [await read(path), await read(bytes)];
      expect([events.t.length, same.t.length]).toEqual([rows.length, rows.length]);
      for (const column of ["t", "x", "y", "p"] as const) {
        expect(Buffer.compare(Buffer.from(events[column].buffer), Buffer.from(same[column].buffer))).toBe(0);
      }
      // Comparing 300,000 rows one by one is slow.
      const wrong = rows.findIndex(
        ([t, x, y, p], i) => events.t[i] !== t || events.x[i] !== x || events.y[i] !== y || events.p[i] !== p,
      );
      expect(wrong).toBe(-1);
    });

    it("knows its files, by their content", async () => {
      const bytes = encode(some);
      expect(await recogniseRecording(bytes)).toEqual({ format, reader });
      const path = join(await temporaryFolder(), "unnamed");
      await writeFile(path, bytes);
      expect(await recogniseRecording(path)).toEqual({ format, reader });
    });

    it("refuses a file of another format, and names the reader for it", async () => {
      const got = format === "AEDAT 2.0" ? "AEDAT 3.1" : "AEDAT 2.0";
      const other = got === "AEDAT 2.0" ? "readAedat2" : "readAedat31";
      await expect(read(Buffer.from(`#!AER-DAT${got.slice(6)}\r\n`))).rejects.toThrow(
        formatError(`${reader}: the file must be ${format}, got ${got} at byte 0; read it with ${other}`),
      );
    });

    it("refuses an event outside the sensor that the options give, and no other", async () => {
      const rows: Row[] = [
        [1, 4, 6, 1],
        [2, 5, 7, 0],
      ];
      expect(rowsOf(await read(encode(rows), { height: 8, width: 6 }))).toEqual(rows);
      for (const [options, size] of [
        [{ height: 7, width: 9 }, "x < 9 and y < 7"],
        [{ height: 8, width: 5 }, "x < 5 and y < 8"],
      ] as const) {
        await expect(read(encode(rows), options)).rejects.toThrow(
          formatError(
            `${reader}: the file must hold events with ${size}, got event 1 at x 5, y 7; it was recorded with another ` +
              "sensor or is damaged",
          ),
        );
      }
    });

    it("refuses options out of their range", async () => {
      await expect(read(encode(some), { height: 0 })).rejects.toThrow(
        new RangeError(`${reader}: height must be an integer above 0, got 0`),
      );
      await expect(read(encode(some), { truncated: "no" as "keep" })).rejects.toThrow(
        new TypeError(`${reader}: truncated must be "refuse" or "keep", got "no"`),
      );
    });

    it.runIf(cuttable)(
      "reads a file that was cut anywhere up to the cut, on request, and refuses it otherwise",
      async () => {
        const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
        try {
          const bytes = encode(some);
          const shortest = encode([]).length;
          const found = new Set<number>();
          for (let length = shortest; length < bytes.length; length++) {
            const part = bytes.subarray(0, length);
            warn.mockClear();
            const rows = rowsOf(await read(part, { truncated: "keep" }));
            expect(rows).toEqual(some.slice(0, rows.length));
            found.add(rows.length);
            const refused = await read(part).then(
              () => undefined,
              (error: unknown) => error,
            );
            // A file that was cut between two events looks whole.
            expect(warn).toHaveBeenCalledTimes(refused === undefined ? 0 : 1);
            if (refused === undefined) continue;
            expect(refused).toBeInstanceOf(FileFormatError);
            expect(refused).toMatchObject({ truncated: true });
            expect((refused as FileFormatError).offset).toBeLessThanOrEqual(length);
            expect(warn).toHaveBeenCalledWith((refused as Error).message, "TruncatedRecordingWarning");
          }
          expect(found.size).toBeGreaterThan(some.length / 4);
        } finally {
          warn.mockRestore();
        }
      },
    );

    it.runIf(period !== undefined)("adds a period wherever the clock wraps around", async () => {
      const times = [period! - 2, period! - 1, period!, period! + 5, 2 * period! - 1, 2 * period! + 3];
      const rows = times.map((t): Row => [t, 1, 2, 1]);
      expect(rowsOf(await read(encode(rows)))).toEqual(rows);
    });

    it("survives any damage: events, or a FileFormatError", () =>
      fc.assert(
        fc.asyncProperty(
          rowsFor(range),
          fc.double({ min: 0, max: 1, noNaN: true }),
          fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }),
          async (rows, share, mutations) => {
            const whole = encode(rows);
            const bytes = whole.slice(0, share > 0.5 ? whole.length : Math.floor(2 * share * whole.length));
            for (const [at, value] of mutations) bytes[at % bytes.length] = value;
            try {
              const { t, x } = await read(bytes);
              expect(x.length).toBe(t.length);
            } catch (error) {
              if (!(error instanceof FileFormatError)) throw error;
            }
          },
        ),
        { numRuns: 1000 },
      ));
  });
}
