import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { readAedat2 } from "@sew/datasets";
import { describe, expect, it } from "vitest";
import { encodeAedat2 } from "../fixtures/recordings.mjs";
import { describeSampleData, formatError, type Row, rowsOf } from "../support.js";
import { describeFormat } from "./describeFormat.js";

describeFormat({
  format: "AEDAT 2.0",
  read: readAedat2,
  encode: encodeAedat2,
  maxTime: 2 ** 32 - 1,
  maxX: 127,
  maxY: 127,
  period: 2 ** 32,
});

const MAGIC = "#!AER-DAT2.0\r\n";
const file = (header: string, ...words: number[]): Uint8Array => {
  const view = new DataView(new ArrayBuffer(4 * words.length));
  words.forEach((word, i) => {
    view.setUint32(4 * i, word);
  });
  return Buffer.concat([Buffer.from(header, "latin1"), new Uint8Array(view.buffer)]);
};

describe("readAedat2", () => {
  it("shows the picture that jAER shows: columns from the left, rows from the top, 1 where it got brighter", async () => {
    const rows = rowsOf(await readAedat2(file(MAGIC, 0x1405, 1000, 0x0000, 1001, 0x7fff, 1002)));
    expect(rows).toEqual([
      [1000, 125, 107, 0],
      [1001, 127, 127, 1],
      [1002, 0, 0, 0],
    ]);
  });

  it("drops special events, whatever their other bits", async () => {
    expect(rowsOf(await readAedat2(file(MAGIC, 0x8000, 1, 0, 2, 0xffff, 3)))).toEqual([[2, 127, 127, 1]]);
  });

  it("reads times as unsigned, and keeps small steps back", async () => {
    const times = [0xf0000000, 0xf0000005, 0xf0000003, 7, 0xfffffffe];
    const rows = rowsOf(await readAedat2(file(MAGIC, ...times.flatMap((t) => [0, t]))));
    // After a wrap-around, a time just below 2^32 is one of before it, which the format cannot tell.
    expect(rows.map(([t]) => t)).toEqual([0xf0000000, 0xf0000005, 0xf0000003, 2 ** 32 + 7, 2 ** 32 + 0xfffffffe]);
  });

  it.each([
    ["ends of line LF", "#!AER-DAT2.0\n# text\n"],
    ["ends of line CRLF", "#!AER-DAT2.0\r\n# text\r\n"],
    ["a last line that says so", "#!AER-DAT2.0\r\n#<pref/>\r\n#End Of ASCII Header\r\n"],
    ["the name of the chip", "#!AER-DAT2.0\r\n# AEChip: ch.unizh.ini.jaer.chip.retina.DVS128\r\n"],
  ])("reads a header with %s", async (_, header) => {
    expect(rowsOf(await readAedat2(file(header, 0x1405, 1000)))).toEqual([[1000, 125, 107, 0]]);
  });

  it("takes what follows the last line of the header as an event, also when it looks like one more line", async () => {
    const bytes = file(`${MAGIC}#End Of ASCII Header\r\n`, 0x23_0a_00_00, 1);
    const offset = MAGIC.length + "#End Of ASCII Header\r\n".length;
    await expect(readAedat2(bytes)).rejects.toThrow(
      formatError(
        `readAedat2: the file must hold addresses of a DVS128, below 2^16, got ${0x23_0a_00_00} at byte ${offset}; it was ` +
          "recorded with another sensor or is damaged",
      ),
    );
  });

  it("refuses a recording of another chip", async () => {
    const header = `${MAGIC}# AEChip: eu.seebetter.ini.chips.davis.DAVIS240C\r\n`;
    await expect(readAedat2(file(header, 0, 0))).rejects.toThrow(
      formatError(
        "readAedat2: the file must be a recording of a DVS128, got " +
          '"eu.seebetter.ini.chips.davis.DAVIS240C" at byte 14; export it as AEDAT 4 or NPZ',
      ),
    );
  });

  it("refuses a header that does not end", async () => {
    await expect(readAedat2(Buffer.from(`${MAGIC}# te`))).rejects.toThrow(
      formatError(
        "readAedat2: the file must end its header with a whole line, got the end of the file at byte 18; the file is " +
          'truncated: copy or download it again, or pass truncated: "keep" for the events before that point',
      ),
    );
    await expect(readAedat2(Buffer.from(MAGIC + "# text\r\n".repeat(2 ** 17)))).rejects.toThrow(
      "readAedat2: the file must have a header of at most 1048576 bytes, got a longer one at byte 1048576",
    );
  });

  describeSampleData("tonic-test-data", (folder) => {
    it("refuses a header that was cut, of another chip", async () => {
      const path = join(folder, "test/test_data/sample_aedat_header.aedat");
      await expect(readAedat2(path)).rejects.toThrow(`readAedat2: ${path} must `);
    });
  });
});

/** A decoding of its own: the header as lines of text, then one DataView per event. */
function decodeSlowly(bytes: Buffer): Row[] {
  let start = 0;
  while (bytes[start] === 0x23) start = bytes.indexOf(10, start) + 1;
  const rows: Row[] = [];
  for (let at = start; at + 8 <= bytes.length; at += 8) {
    const address = bytes.readUInt32BE(at);
    const [column, line] = [(address & 0xfe) / 2, (address & 0x7f00) / 256];
    rows.push([bytes.readUInt32BE(at + 4), 127 - column, 127 - line, address % 2 === 0 ? 1 : 0]);
  }
  return rows;
}

for (const [name, files, events] of [
  ["mnist-dvs", 20, 324_597],
  ["dvs128-objects", 4, 783_305],
] as const) {
  describeSampleData(name, (folder) => {
    it("reads every recording, event by event as another decoding does", async () => {
      const paths = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith(".aedat"));
      expect(paths.length).toBe(files);
      let total = 0;
      for (const path of paths) {
        const read = await readAedat2(join(folder, path));
        const expected = decodeSlowly(await readFile(join(folder, path)));
        total += expected.length;
        expect(read.t.length).toBe(expected.length);
        const wrong = expected.findIndex(
          ([t, x, y, p], i) => read.t[i] !== t || read.x[i] !== x || read.y[i] !== y || read.p[i] !== p,
        );
        expect([path, wrong]).toEqual([path, -1]);
      }
      expect(total).toBe(events);
    });
  });
}
