import { open, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeAedat31, readDat, readRecording, recogniseRecording, streamRecording } from "@sew/datasets";
import { describe, expect, it } from "vitest";
import * as writers from "../fixtures/recordings.mjs";
import { eventsOf, formatError, type Row, rowsOf, temporaryFolder } from "../support.js";

const rows = Array.from({ length: 12 }, (_, i): Row => [10 * i, i, 2 * i, i % 2]);
const { encodeAedat2, encodeAedat4, encodeAtis, encodeDat, encodeEvt2, encodeEvt21, encodeEvt3, encodeNpz } = writers;
const encoders: Readonly<Record<string, (rows: readonly Row[]) => Uint8Array>> = {
  "AEDAT 2.0": encodeAedat2,
  "AEDAT 3.1": (written) => encodeAedat31(eventsOf(written)),
  "AEDAT 4": (written) => encodeAedat4(written),
  ATIS: encodeAtis,
  DAT: encodeDat,
  EVT2: encodeEvt2,
  "EVT2.1": encodeEvt21,
  EVT3: encodeEvt3,
  NPZ: encodeNpz,
};

describe("readRecording and streamRecording", () => {
  it.each(Object.entries(encoders))("read %s", async (_, encode) => {
    expect(rowsOf(await readRecording(encode(rows)))).toEqual(rows);
    const streamed: Row[] = [];
    for await (const block of streamRecording(encode(rows))) streamed.push(...rowsOf(block));
    expect(streamed).toEqual(rows);
  });

  it("say what a file is that no reader takes, and close it", async () => {
    const path = join(await temporaryFolder(), "a.h5");
    await writeFile(path, "\x89HDF\r\n\x1a\n", "latin1");
    const says =
      `${path} must be a recording in a known format, got HDF5 at byte 0; export its events in one of the formats that ` +
      "readRecording takes";
    await expect(readRecording(path)).rejects.toThrow(formatError(`readRecording: ${says}`));
    await expect(streamRecording(path).next()).rejects.toThrow(formatError(`streamRecording: ${says}`));
    await expect(readRecording(Buffer.from("hello"))).rejects.toThrow(
      formatError(
        'readRecording: the file must be a recording in a known format, got a file that starts with "hello" at byte 0; it ' +
          "is of another format or damaged",
      ),
    );
  });

  it("stream a recording of more than 2 GiB, to its end, in blocks of some megabytes", async () => {
    const path = join(await temporaryFolder(), "long.dat");
    const header = Buffer.from("% Version 2\n\x0c\x08", "latin1");
    // A file with a hole, which takes no space: events at time 0, x 0, y 0, and one at the end.
    const length = header.length + 8 * (2 ** 28 + 1000);
    const file = await open(path, "w");
    await file.write(header);
    await file.write(Uint8Array.of(9, 0, 0, 0, 5, 0, 0, 0x10), 0, 8, length - 8);
    await file.close();
    let [count, longest, last] = [0, 0, [0, 0, 0]];
    for await (const { t, x, p } of streamRecording(path)) {
      count += t.length;
      longest = Math.max(longest, t.length);
      last = [t.at(-1)!, x.at(-1)!, p.at(-1)!];
    }
    expect([count, last]).toEqual([2 ** 28 + 1000, [9, 5, 1]]);
    expect(longest).toBeLessThanOrEqual(2 ** 17);
  });

  it("stop reading when the caller stops", async () => {
    const path = join(await temporaryFolder(), "a.dat");
    await writeFile(path, encodeDat(Array.from({ length: 300_000 }, (_, i): Row => [i, 0, 0, 0])));
    for await (const { t } of streamRecording(path)) {
      expect(t.length).toBeLessThan(300_000);
      break;
    }
    expect((await readDat(path)).t.length).toBe(300_000);
  });
});

describe("a reader", () => {
  it("says so when the file becomes shorter while it is read", async () => {
    const path = join(await temporaryFolder(), "a.dat");
    const bytes = encodeDat(Array.from({ length: 300_000 }, (_, i): Row => [i, 0, 0, 0]));
    await writeFile(path, bytes);
    const stream = streamRecording(path);
    await stream.next();
    await truncate(path, 2 ** 20);
    await expect(stream.next()).rejects.toThrow(
      formatError(`readDat: ${path} must stay ${bytes.length} bytes long, got its end; read it again`),
    );
  });
});

describe("recogniseRecording", () => {
  it.each([
    ["#!AER-DAT1.0\r\n", { format: "AEDAT 1.0" }],
    ["#!AER-DAT3.0\r\n", { format: "another version of AEDAT" }],
    ["% evt 2.1\n", { format: "EVT2.1", reader: "readEvt21" }],
    ["% format EVT2;height=720;width=1280\n", { format: "EVT2", reader: "readEvt2" }],
    ["% date 2024-01-31\n% evt 3.0\n", { format: "EVT3", reader: "readEvt3" }],
    ["% Date 2024\n\x00\x08", { format: "DAT", reader: "readDat" }],
    ["PK\x03\x04", { format: "ZIP" }],
    ["\x1f\x8b\x08", { format: "GZIP" }],
    ["\x89HDF\r\n\x1a\n", { format: "HDF5" }],
    ["\x93NUMPY\x01\x00", { format: "NPY" }],
    ["MATLAB 5.0 MAT-file, Platform: GLNXA64", { format: "MATLAB 5" }],
    ["#ROSBAG V2.0\n", { format: "ROSBAG" }],
    ["", undefined],
    ["% a text about events\n", undefined],
    ["#!AER", undefined],
  ])("knows %j", async (start, kind) => {
    expect(await recogniseRecording(Buffer.from(start, "latin1"))).toEqual(kind);
  });

  it("takes 40-bit events by their times, which never decrease but where the clock wraps around", async () => {
    const overflow: Row[] = rows.map(([t, x, y, p], i) => (i === 6 ? [0, 0, 240, 0] : [i < 6 ? t : t - 60, x, y, p]));
    expect(await recogniseRecording(encodeAtis(overflow))).toEqual({ format: "ATIS", reader: "readAtis" });
    expect(await recogniseRecording(encodeAtis(rows.toReversed()))).toBeUndefined();
    expect(await recogniseRecording(encodeAtis(rows.slice(0, 7)))).toBeUndefined();
  });
});
