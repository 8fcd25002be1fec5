import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeAedat31, FileFormatError, readAedat31 } from "@sew/datasets";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeSampleData, eventsOf, formatError, rowsOf, sortedRows, temporaryFolder } from "../support.js";
import { event, file, header, packet } from "./aedat31.js";
import { describeFormat } from "./describeFormat.js";

const START = header.length;

describeFormat({
  format: "AEDAT 3.1",
  read: readAedat31,
  encode: (rows) => encodeAedat31(eventsOf(rows), { packetEvents: 5 }),
  maxTime: Number.MAX_SAFE_INTEGER,
  maxX: 32767,
  maxY: 32767,
});

describe("readAedat31", () => {
  it("reads coordinates of 15 bits, polarity, and times beyond an overflow; the validity bit is ignored", async () => {
    const bytes = file(
      header,
      packet({ capacity: 2 }, file(event(5, 0x7fff, 0, 1), event(6, 0, 0x7fff, 0))),
      packet({ overflow: 3 }, event(7, 1, 2, 1)),
    );
    expect(rowsOf(await readAedat31(bytes))).toEqual([
      [5, 0x7fff, 0, 1],
      [6, 0, 0x7fff, 0],
      [3 * 2 ** 31 + 7, 1, 2, 1],
    ]);
  });

  it("skips packets of other types, whatever their event size, and space beyond the number of events", async () => {
    const bytes = file(
      header,
      packet({ type: 2, size: 36, capacity: 2 }, new Uint8Array(72).fill(255)),
      packet({ capacity: 2, number: 1 }, file(event(1, 1, 1, 1), event(9, 9, 9, 1))),
      packet({ type: 0, size: 0, capacity: 2 ** 32 - 1 }, new Uint8Array()),
      packet({ capacity: 0 }, new Uint8Array()),
    );
    expect(rowsOf(await readAedat31(bytes))).toEqual([[1, 1, 1, 1]]);
  });

  it("finds no events in a file that ends with its header", async () => {
    expect((await readAedat31(file(header))).t.length).toBe(0);
  });

  it("reads bytes that start within a larger buffer", async () => {
    const bytes = file(header, packet({}, event(1, 2, 3, 1)));
    const larger = new Uint8Array(bytes.length + 3);
    larger.set(bytes, 3);
    expect(rowsOf(await readAedat31(larger.subarray(3)))).toEqual([[1, 2, 3, 1]]);
  });

  const damaged = "; the file is damaged: copy or download it again";
  const cut =
    '; the file is truncated: copy or download it again, or pass truncated: "keep" for the events before that point';
  it.each([
    {
      what: "an empty file",
      bytes: file(),
      says: "be AEDAT 3.1, got an empty file at byte 0; copy or download it again",
    },
    {
      what: "another version",
      bytes: file("#!AER-DAT2.0\r\n# more\r\n"),
      says: "be AEDAT 3.1, got AEDAT 2.0 at byte 0; read it with readAedat2",
    },
    {
      what: "no text at all",
      bytes: new Uint8Array(100_000),
      says: `be AEDAT 3.1, got a file that starts with "${"\\u0000".repeat(16)}" at byte 0; it is of another format or damaged`,
    },
    {
      what: "a header that never ends",
      bytes: file("#!AER-DAT3.1\r\n#Source 1: DVS128\r\n"),
      says: `hold a line "#!END-HEADER" before its events, got the end of the file at byte 33${cut}`,
    },
    {
      what: "events without the end of the header",
      bytes: file("#!AER-DAT3.1\r\n", "abc\n"),
      says: `hold a line "#!END-HEADER" before its events, got another line at byte 14${damaged}`,
    },
    {
      what: "compressed events",
      bytes: file("#!AER-DAT3.1\r\n#Format: SerializedTS,PNGFrames\r\n#!END-HEADER\r\n"),
      says: 'hold events in "#Format: RAW", got "#Format: SerializedTS,PNGFrames" at byte 14; export it uncompressed',
    },
    {
      what: "a packet header cut short",
      bytes: file(header, new Uint8Array(5)),
      says: `hold packet headers of 28 bytes, got 5 bytes at byte ${START}${cut}`,
    },
    {
      what: "a packet cut short",
      bytes: file(header, packet({ capacity: 3 }, new Uint8Array(20))),
      says: `hold the 3 events of 8 bytes that a packet declares, got 20 bytes after its header at byte ${START + 16}${cut}`,
    },
    {
      what: "a packet larger than any file",
      bytes: file(header, packet({ type: 7, size: 2 ** 32 - 1, capacity: 2 ** 32 - 1 })),
      says: `hold the 4294967295 events of 4294967295 bytes that a packet declares, got 8 bytes after its header at byte ${START + 16}${cut}`,
    },
    {
      what: "polarity events of another size",
      bytes: file(header, packet({ size: 4, capacity: 2 })),
      says: `hold polarity events of 8 bytes, got 4 at byte ${START + 4}${damaged}`,
    },
    {
      what: "timestamps elsewhere in the event",
      bytes: file(header, packet({ timestampOffset: 0 })),
      says: `hold polarity events with the timestamp at byte 4, got 0 at byte ${START + 8}${damaged}`,
    },
    {
      what: "times that doubles do not hold",
      bytes: file(header, packet({ overflow: 2 ** 22 })),
      says: `hold timestamp overflows below 2^22, got 4194304 at byte ${START + 12}${damaged}`,
    },
    {
      what: "more events than there is room for",
      bytes: file(header, packet({ number: 2 })),
      says: `hold at most the 1 events of a packet's capacity, got 2 at byte ${START + 20}${damaged}`,
    },
    {
      what: "a negative timestamp",
      bytes: file(header, packet({}, event(2 ** 31, 1, 1, 1))),
      says: `hold timestamps below 2^31, got 2147483648 at byte ${START + 32}${damaged}`,
    },
    {
      what: "an event outside the sensor",
      bytes: file(header, packet({ capacity: 2 }, file(event(1, 127, 127, 1), event(1, 128, 5, 1)))),
      says: `hold events with x < 128 and y < 128, got event 1 at x 128, y 5; it was recorded with another sensor or is damaged`,
    },
  ])("refuses $what", async ({ bytes, says }) => {
    const read = readAedat31(bytes, { height: 128, width: 128 });
    await expect(read).rejects.toThrow(formatError(`readAedat31: the file must ${says}`));
  });

  it("survives any damage: events, or a FileFormatError that names a byte of the file", () =>
    fc.assert(
      fc.asyncProperty(
        sortedRows({ maxLength: 30 }),
        fc.integer({ min: 1, max: 8 }),
        fc.nat(400),
        fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 }),
        async (rows, packetEvents, cut, mutations) => {
          const whole = encodeAedat31(eventsOf(rows), { packetEvents });
          const bytes = whole.slice(0, cut === 400 ? whole.length : Math.min(cut, whole.length));
          for (const [at, value] of mutations) if (at < bytes.length) bytes[at] = value;
          try {
            expect((await readAedat31(bytes)).t.length * 8).toBeLessThanOrEqual(bytes.length);
          } catch (error) {
            if (!(error instanceof FileFormatError)) throw error;
            expect(error.offset).toBeGreaterThanOrEqual(0);
            expect(error.offset).toBeLessThanOrEqual(bytes.length);
          }
        },
      ),
      { numRuns: 2000 },
    ));

  it("survives packet headers of any numbers", () =>
    fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (noise) => {
        try {
          expect((await readAedat31(file(header, noise))).t.length * 8).toBeLessThanOrEqual(noise.length);
        } catch (error) {
          expect(error).toBeInstanceOf(FileFormatError);
        }
      }),
      { numRuns: 2000 },
    ));
});

describe("readAedat31 of a path", () => {
  it("names the file", async () => {
    const path = join(await temporaryFolder(), "cut.aedat");
    await writeFile(path, file(header, "x"));
    await expect(readAedat31(path)).rejects.toThrow(`readAedat31: ${path} must hold packet headers of 28 bytes`);
  });

  describeSampleData("aedat31-synthetic-vectors/test/test_files", (folder) => {
    it("reads the vectors of a third party, whose events are all marked invalid", async () => {
      const counts = { aedat1_for_testing: 12, aedat2_led: 18, aedat3_fluorescent: 5 };
      for (const [name, count] of Object.entries(counts)) {
        const { t } = await readAedat31(join(folder, `${name}.aedat`), { height: 128, width: 128 });
        expect(t.length).toBe(count);
      }
      // Worked by hand from the bytes of the file.
      expect(rowsOf(await readAedat31(join(folder, "aedat3_fluorescent.aedat")))).toEqual([
        [15, 127, 126, 1],
        [88, 18, 98, 1],
        [1254, 15, 19, 0],
        [1265, 28, 19, 1],
        [1288, 17, 17, 1],
      ]);
    });
  });
});
