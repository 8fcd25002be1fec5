import { readDat, readEvt2, readEvt3, readEvt21 } from "@sew/datasets";
import { describe, expect, it } from "vitest";
import { encodeDat, encodeEvt2, encodeEvt3, encodeEvt21 } from "../fixtures/recordings.mjs";
import { formatError, rowsOf } from "../support.js";
import { describeFormat } from "./describeFormat.js";

const large = { maxX: 2047, maxY: 2047 };
describeFormat({
  format: "DAT",
  read: readDat,
  encode: encodeDat,
  maxTime: 2 ** 32 - 1,
  maxX: 16383,
  maxY: 16383,
  period: 2 ** 32,
});
describeFormat({ format: "EVT2", read: readEvt2, encode: encodeEvt2, maxTime: 2 ** 34 - 1, period: 2 ** 34, ...large });
describeFormat({
  format: "EVT2.1",
  read: readEvt21,
  encode: encodeEvt21,
  maxTime: 2 ** 34 - 1,
  period: 2 ** 34,
  ...large,
});
describeFormat({ format: "EVT3", read: readEvt3, encode: encodeEvt3, maxTime: 2 ** 24 - 1, period: 2 ** 24, ...large });

const file = (header: string, words: Uint16Array | Uint32Array): Uint8Array =>
  Buffer.concat([Buffer.from(header, "latin1"), new Uint8Array(words.buffer)]);

describe("readDat", () => {
  it.each(["% Height 240\n% Width 304\n% Version 2\n\x00\x08", "% Version 2\r\n\x0c\x08"])(
    "reads events of type 0 and 12, after the header %j",
    async (header) => {
      expect(rowsOf(await readDat(file(header, Uint32Array.of(1000, 0x10040014))))).toEqual([[1000, 20, 16, 1]]);
    },
  );

  it("refuses events of another type, and events outside the sensor of the header", async () => {
    await expect(readDat(Buffer.from("% Version 2\n\x0e\x08", "latin1"))).rejects.toThrow(
      formatError(
        "readDat: the file must hold change detection events, type 0 or 12, got type 14 at byte 12; it holds events of " +
          "another kind",
      ),
    );
    await expect(readDat(file("% Height 240\n% Width 304\n\x0c\x08", Uint32Array.of(0, 304)))).rejects.toThrow(
      formatError(
        "readDat: the file must hold events with x < 304 and y < 240, got event 0 at x 304, y 0; it was recorded " +
          "with another sensor or is damaged",
      ),
    );
  });
});

describe("readEvt2", () => {
  it.each(["% evt 2.0\n% end\n", "% format EVT2;height=720;width=1280\n", "% date 2024\n% evt 2.0\n"])(
    "reads the worked example after the header %j",
    async (header) => {
      expect(rowsOf(await readEvt2(file(header, Uint32Array.of(0x80000002, 0x1140a010))))).toEqual([[133, 20, 16, 1]]);
    },
  );

  it("drops events before the first TIME_HIGH, and skips triggers", async () => {
    const words = Uint32Array.of(0x1140a010, 0xa0000001, 0x80000002, 0xa0000001, 0x0140a010);
    expect(rowsOf(await readEvt2(file("% evt 2.0\n% end\n", words)))).toEqual([[133, 20, 16, 0]]);
  });

  it("takes a small step back of TIME_HIGH as it is, and one of nearly a period as a wrap-around", async () => {
    const words = Uint32Array.of(0x8fffffff, 0x10000000, 0x8ffffff8, 0x10000000, 0x80000001, 0x10000000);
    const rows = rowsOf(await readEvt2(file("% evt 2.0\n% end\n", words)));
    expect(rows.map(([t]) => t)).toEqual([2 ** 34 - 64, 2 ** 34 - 64 * 8, 2 ** 34 + 64]);
  });

  it("refuses events outside the geometry of the header", async () => {
    const words = Uint32Array.of(0x80000000, (640 << 11) >>> 0);
    await expect(readEvt2(file("% geometry 640x480\n% evt 2.0\n% end\n", words))).rejects.toThrow(
      "must hold events with x < 640 and y < 480, got event 0 at x 640, y 0",
    );
  });
});

describe("readEvt21", () => {
  it("reads the worked example, in either order of halves", async () => {
    const expected = [
      [133, 20, 16, 1],
      [133, 22, 16, 1],
    ];
    const words = [0, 0x80000002, 5, 0x1140a010];
    expect(rowsOf(await readEvt21(file("% evt 2.1\n% end\n", Uint32Array.from(words))))).toEqual(expected);
    const swapped = Uint32Array.of(0x80000002, 0, 0x1140a010, 5);
    const header = "% format EVT21;endianness=legacy;height=720;width=1280\n% end\n";
    expect(rowsOf(await readEvt21(file(header, swapped)))).toEqual(expected);
  });

  it("reads all 32 events of a vector", async () => {
    const words = Uint32Array.of(0, 0x80000000, 0xffffffff, 0x00000007);
    expect(rowsOf(await readEvt21(file("% evt 2.1\n% end\n", words))).map(([, x]) => x)).toEqual(
      Array.from({ length: 32 }, (_, i) => i),
    );
  });
});

describe("readEvt3", () => {
  const header = "% evt 3.0\n% end\n";

  it("reads the worked example", async () => {
    const words = Uint16Array.of(0x8001, 0x6005, 0x0010, 0x2814, 0x3064, 0x4005, 0x5080);
    expect(rowsOf(await readEvt3(file(header, words)))).toEqual([
      [4101, 20, 16, 1],
      [4101, 100, 16, 0],
      [4101, 102, 16, 0],
      [4101, 119, 16, 0],
    ]);
  });

  it("takes the low bits of the time as 0 after TIME_HIGH, and drops what comes before the first", async () => {
    const words = Uint16Array.of(0x6005, 0x0010, 0x2814, 0x30ff, 0x4fff, 0x8001, 0x2001, 0x6007, 0x8002, 0x2001);
    expect(rowsOf(await readEvt3(file(header, words)))).toEqual([
      [4096, 1, 16, 0],
      [8192, 1, 16, 0],
    ]);
  });

  it("refuses vectors that run beyond the columns that 11 bits count", async () => {
    const words = Uint16Array.of(0x8001, 0x37f8, 0x5001, 0x5001);
    await expect(readEvt3(file(header, words))).rejects.toThrow(
      "readEvt3: the file must hold events with x < 2048, got event 1 at x 2048, y 0",
    );
  });

  it("skips triggers and words of vendors", async () => {
    const words = Uint16Array.of(0x8001, 0xa001, 0xe000, 0xf123, 0x7123, 0x2801);
    expect(rowsOf(await readEvt3(file("% format EVT3;height=720;width=1280\n", words)))).toEqual([[4096, 1, 0, 1]]);
  });
});
