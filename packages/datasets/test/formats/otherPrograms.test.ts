/** @file Recordings that the programs of others wrote; `fixtures/recordings.json` says which. */
import { readFileSync } from "node:fs";
import { readAedat4, readDat, readEvt2, readEvt3, readNpz, recogniseRecording } from "@sew/datasets";
import { describe, expect, it } from "vitest";
import { type Row, rowsOf } from "../support.js";

const { rows, files }: { rows: Row[]; files: Record<string, { reader: string; base64: string }> } = JSON.parse(
  readFileSync(new URL("../fixtures/recordings.json", import.meta.url), "utf8"),
);
const [[start]] = rows as [Row];

/** The readers, and what the writers make of the times: the others' count from the start, and one knows 12 bits alone. */
const readers: Readonly<Record<string, readonly [read: typeof readDat, time: (t: number) => number]>> = {
  readAedat4: [readAedat4, (t) => t],
  readDat: [readDat, (t) => t - start],
  readEvt2: [readEvt2, (t) => t - start],
  readNpz: [readNpz, (t) => t - start],
  readEvt3: [readEvt3, (t) => (t - start) % 4096],
};

describe("recordings of other programs", () => {
  it.each(Object.entries(files))("%s: gives the events that were written", async (_, { reader, base64 }) => {
    const bytes = Buffer.from(base64, "base64");
    expect((await recogniseRecording(bytes))?.reader).toBe(reader);
    const [read, time] = readers[reader]!;
    expect(rowsOf(await read(bytes))).toEqual(rows.map(([t, x, y, p]): Row => [time(t), x, y, p]));
  });
});
