import { readAedat4 } from "@sew/datasets";
import { describe, expect, it } from "vitest";
import { encodeAedat4 } from "../fixtures/recordings.mjs";
import { formatError, type Row, rowsOf } from "../support.js";
import { describeFormat } from "./describeFormat.js";

describeFormat({
  format: "AEDAT 4",
  read: readAedat4,
  encode: (rows) => encodeAedat4(rows),
  maxTime: Number.MAX_SAFE_INTEGER,
  maxX: 32767,
  maxY: 32767,
});

const rows: Row[] = [
  [1, 2, 3, 1],
  [4, 5, 6, 0],
  [7, 8, 9, 1],
  [10, 11, 12, 0],
];

describe("readAedat4", () => {
  it("stops at the table at the end of the file", async () => {
    expect(rowsOf(await readAedat4(encodeAedat4(rows, { table: true })))).toEqual(rows);
  });

  it("refuses a file that was cut between two packets, where it says how long it was", async () => {
    const whole = encodeAedat4(rows, { table: true });
    const shorter = encodeAedat4(rows.slice(0, 3)).length;
    await expect(readAedat4(whole.subarray(0, shorter))).rejects.toThrow(
      formatError(
        `readAedat4: the file must reach to its table at byte ${whole.length - 17}, got its end at byte ${shorter}; the file ` +
          'is truncated: copy or download it again, or pass truncated: "keep" for the events before that point',
      ),
    );
  });

  it("reads the stream that it is asked for, and names those that there are", async () => {
    expect(rowsOf(await readAedat4(encodeAedat4(rows), { stream: 0 }))).toEqual(rows);
    await expect(readAedat4(encodeAedat4(rows), { stream: 1 })).rejects.toThrow(
      formatError(
        "readAedat4: the file must hold a stream 1 of events, got the streams 0 at byte 14; choose another stream or file",
      ),
    );
  });

  it("says what is wrong with a packet, and where it starts", async () => {
    const at = encodeAedat4([]).length + 15;
    for (const [pack, says] of [
      [() => Buffer.from("no table at all"), 'a table " at "'],
      [() => Buffer.alloc(3), "3 bytes"],
      [(bytes: Uint8Array) => bytes.with(4, 255), "a reference to byte 259 of 78"],
    ] as const) {
      await expect(readAedat4(encodeAedat4(rows.slice(0, 3), { pack }))).rejects.toThrow(
        formatError(
          `readAedat4: the file must hold a table EVTS, got ${says} at byte ${at}; the file is damaged: copy or download it again`,
        ),
      );
    }
  });

  it.each([
    [-1, "hold packets of at least 0 bytes, got -1 at byte"],
    [2 ** 31 - 1, "hold the 2147483647 bytes that a packet declares, got 7 bytes at byte"],
  ])("refuses a packet of %d bytes, before it takes memory for it", async (size, says) => {
    const start = encodeAedat4([]).length;
    const bytes = Buffer.from(encodeAedat4(rows)).subarray(0, start + 15);
    bytes.writeInt32LE(size, start + 4);
    await expect(readAedat4(bytes)).rejects.toThrow(`readAedat4: the file must ${says} ${start + 4}`);
  });

  it("refuses a header of nearly 4 GiB, and one that reaches past its own end", async () => {
    const bytes = Buffer.from(encodeAedat4(rows));
    bytes.writeUInt32LE(2 ** 32 - 1, 14);
    await expect(readAedat4(bytes)).rejects.toThrow("must hold a header of the length that it declares, got ");
    bytes.writeUInt32LE(20, 14);
    await expect(readAedat4(bytes)).rejects.toThrow("must hold a table IOHE, got a reference to byte");
  });

  it("refuses times beyond 2^53 and negative coordinates", async () => {
    for (const at of [7, 9, 11]) {
      const bytes = Buffer.from(encodeAedat4(rows.slice(0, 1)));
      bytes[bytes.length - 16 + at] = 0xff;
      await expect(readAedat4(bytes)).rejects.toThrow("must hold a table EVTS, got event 0 at time");
    }
  });

  it("refuses compressed packets that are none", async () => {
    for (const [compression, says] of [
      [1, "no LZ4 frame"],
      [3, "invalid zstd data"],
    ] as const) {
      await expect(readAedat4(encodeAedat4(rows, { compression }))).rejects.toThrow(
        `must hold a table EVTS, got ${says} at byte`,
      );
    }
    await expect(readAedat4(encodeAedat4(rows, { compression: 5 }))).rejects.toThrow(
      "must be compressed by none, LZ4 or Zstandard, 0..4, got 5 at byte 14",
    );
  });
});
