import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeAedat31, readAedat31, writeAedat31 } from "@sew/datasets";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventsOf, type Row, rowsOf, temporaryFolder } from "../support.js";

const time = fc.oneof(
  fc.nat(1000),
  fc.integer({ min: 2 ** 31 - 3, max: 2 ** 31 + 3 }),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
);
const rows: fc.Arbitrary<Row[]> = fc.array(fc.tuple(time, fc.nat(0x7fff), fc.nat(0x7fff), fc.nat(1)));

describe("encodeAedat31", () => {
  it("is read back as it was, in any order of times, across overflows, for any packet size", () =>
    fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 1, max: 5 }), async (written, packetEvents) => {
        expect(rowsOf(await readAedat31(encodeAedat31(eventsOf(written), { packetEvents })))).toEqual(written);
      }),
    ));

  it("writes one event as the format says", () => {
    const bytes = encodeAedat31(eventsOf([[2 ** 31 + 256, 3, 5, 1]]), { source: "test" });
    const header =
      "#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: test\r\n#Start-Time: 1970-01-01 00:00:00 (TZ+0000)\r\n#!END-HEADER\r\n";
    expect(Buffer.from(bytes.subarray(0, header.length)).toString()).toBe(header);
    expect([...bytes.subarray(header.length)]).toEqual([
      ...[1, 0, 1, 0, 8, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], // packet header
      ...[(5 << 2) | 0b11, 0, 6, 0], // valid 1, p 1, y 5, x 3
      ...[0, 1, 0, 0],
    ]);
  });

  it.each([
    [[[-1, 0, 0, 0]], "t[0] must be whole microseconds in 0..2^53, got -1"],
    [
      [
        [1, 0, 0, 0],
        [1.5, 0, 0, 0],
      ],
      "t[1] must be whole microseconds in 0..2^53, got 1.5",
    ],
    [[[Number.NaN, 0, 0, 0]], "t[0] must be whole microseconds in 0..2^53, got NaN"],
    [[[0, 32768, 0, 0]], "x[0] must be in 0..32767, got 32768"],
    [[[0, 0, 40000, 0]], "y[0] must be in 0..32767, got 40000"],
    [[[0, 0, 0, 2]], "p[0] must be 0 or 1, got 2"],
  ] as const)("refuses %j", (events, says) =>
    expect(() => encodeAedat31(eventsOf(events))).toThrow(new RangeError(`writeAedat31: ${says}`)),
  );

  it("refuses columns of different length, header lines that are more than one, and empty packets", () => {
    const events = { ...eventsOf([[1, 1, 1, 1]]), x: new Uint16Array(2) };
    expect(() => encodeAedat31(events)).toThrow(
      new RangeError("writeAedat31: events must have columns of equal length, got t 1, x 2, y 1, p 1"),
    );
    expect(() => encodeAedat31(eventsOf([]), { source: "a\r\nb" })).toThrow(
      new RangeError('writeAedat31: source must be one line of printable ASCII, got "a\\r\\nb"'),
    );
    expect(() => encodeAedat31(eventsOf([]), { packetEvents: 0 })).toThrow(
      new RangeError("writeAedat31: packetEvents must be an integer in 1..2^31-1, got 0"),
    );
  });
});

describe("writeAedat31", () => {
  it("writes the whole file and nothing else, also over an old one", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "a.aedat");
    for (const row of [
      [1, 2, 3, 1],
      [4, 5, 6, 0],
    ] as const) {
      await writeAedat31(path, eventsOf([row]));
      expect(rowsOf(await readAedat31(path))).toEqual([row]);
    }
    expect(await readdir(folder)).toEqual(["a.aedat"]);
  });

  it("leaves the old file when the events cannot be written", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "a.aedat");
    await writeAedat31(path, eventsOf([[1, 2, 3, 1]]));
    const before = await readFile(path);
    await expect(writeAedat31(path, eventsOf([[1, 2, 3, 7]]))).rejects.toThrow("p[0] must be 0 or 1");
    expect(await readFile(path)).toEqual(before);
    expect(await readdir(folder)).toEqual(["a.aedat"]);
  });
});
