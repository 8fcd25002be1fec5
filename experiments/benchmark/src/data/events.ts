/** @file Events: each reader, and integration into frames. */
import { rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Events,
  encodeAedat31,
  integrate,
  readAedat2,
  readAedat4,
  readAedat31,
  readAtis,
  readDat,
  readEvt2,
  readEvt3,
  readEvt21,
  readNpz,
} from "@sew/datasets";
import { random } from "@sew/random";
import type { DataRow, DataRows } from "./row.js";

/** Events of a recording: 8 MB in most formats. */
const EVENTS = 2 ** 20;
/** Times that a recording is read in a run, so that a run is long enough to be timed. */
const PASSES = 4;
/** Side of the square sensor. */
const SIDE = 128;

type Row = readonly [t: number, x: number, y: number, p: number];
type Encode = (rows: readonly Row[], options?: { readonly perPacket: number }) => Uint8Array;

/** Events at random places of a DVS128, a microsecond to 8 after one another. */
function randomRows(): Row[] {
  const draw = random(0);
  let t = 0;
  return Array.from({ length: EVENTS }, () => {
    t += 1 + draw.int(8);
    return [t, draw.int(SIDE), draw.int(SIDE), draw.int(2)];
  });
}

function eventsOf(rows: readonly Row[]): Events {
  return {
    t: Float64Array.from(rows, ([t]) => t),
    x: Uint16Array.from(rows, ([, x]) => x),
    y: Uint16Array.from(rows, ([, , y]) => y),
    p: Uint8Array.from(rows, ([, , , p]) => p),
  };
}

/**
 * The same events as arrays, and as a file of each format with its reader. A function of its own, so that nothing holds the
 * million rows later: each garbage collection would visit them.
 */
async function recordings() {
  // The writers of the tests; the package writes AEDAT 3.1 alone.
  const writers: Readonly<Record<string, Encode>> = await import(
    new URL("../../../../../packages/datasets/test/fixtures/recordings.mjs", import.meta.url).href
  );
  const events = randomRows();
  const columns = eventsOf(events);
  const encoded = (name: string): Uint8Array => writers[name]!(events, { perPacket: 4096 });
  const readers = [
    [readAedat2, encoded("encodeAedat2")],
    [readAedat31, encodeAedat31(columns)],
    [readAedat4, encoded("encodeAedat4")],
    [readAtis, encoded("encodeAtis")],
    [readDat, encoded("encodeDat")],
    [readEvt2, encoded("encodeEvt2")],
    [readEvt21, encoded("encodeEvt21")],
    [readEvt3, encoded("encodeEvt3")],
    [readNpz, encoded("encodeNpz")],
  ] as const;
  return { columns, readers };
}

/** The rows of events: every reader from a file in the system's cache, then integration from memory. */
export async function eventRows(): Promise<DataRows> {
  const own = await mkdtemp(join(tmpdir(), "sew-bench-"));
  process.once("exit", () => rmSync(own, { recursive: true, force: true }));
  const { columns, readers } = await recordings();
  const rows: DataRow[] = [];
  for (const [read, bytes] of readers) {
    const file = join(own, read.name);
    await writeFile(file, bytes);
    rows.push({
      name: read.name,
      unit: "events",
      async run() {
        let count = 0;
        for (let pass = 0; pass < PASSES; pass++) count += (await read(file)).t.length;
        return count;
      },
    });
  }
  for (const by of ["count", "time"] as const) {
    rows.push({
      name: `integrate, 16 frames of 128x128 by ${by}`,
      unit: "events",
      async run() {
        for (let pass = 0; pass < PASSES; pass++) {
          integrate(columns, { by, frames: 16, height: SIDE, width: SIDE });
        }
        return PASSES * EVENTS;
      },
    });
  }
  return { rows, close: async () => {} };
}
