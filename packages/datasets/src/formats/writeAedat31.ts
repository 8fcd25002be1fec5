/** @file AEDAT 3.1, the format of DVS128 Gesture: writing. */
import { writeAtomic } from "@sew/files";
import { checkColumns, type Events } from "../events.js";
import { END_OF_HEADER, EVENT_BYTES, MAGIC, PACKET_HEADER_BYTES, POLARITY } from "./readAedat31.js";

/** The format requires this line. The time is not known here, and equal events shall give equal files. */
const START_TIME = "#Start-Time: 1970-01-01 00:00:00 (TZ+0000)";

/** What {@link writeAedat31} puts around the events. */
export interface WriteAedat31Options {
  /** Where the events come from: one line of ASCII in the header. @defaultValue `"DVS128"` */
  readonly source?: string;
  /** Maximum number of events in a packet, at least 1. @defaultValue 4096 */
  readonly packetEvents?: number;
}

/**
 * Writes events as an AEDAT 3.1 file, the inverse of `readAedat31`.
 *
 * Events are put into polarity packets of at most `packetEvents`; a packet ends earlier where `floor(t / 2^31)`, the
 * timestamp overflow, changes. The header's start time is that of 1970. The file appears atomically.
 *
 * @param path the file; an existing one is replaced
 * @throws RangeError when a column, coordinate (0..32767), polarity (0 or 1) or time (whole microseconds in 0..2^53) is
 *   not one
 *
 * @example
 * await writeAedat31("one.aedat", {
 *   t: Float64Array.of(1000),
 *   x: Uint16Array.of(5),
 *   y: Uint16Array.of(7),
 *   p: Uint8Array.of(1),
 * });
 */
export async function writeAedat31(path: string, events: Events, options: WriteAedat31Options = {}): Promise<void> {
  await writeAtomic(path, [encodeAedat31(events, options)], "writeAedat31");
}

/** The bytes that {@link writeAedat31} writes. */
export function encodeAedat31(
  events: Events,
  { source = "DVS128", packetEvents = 4096 }: WriteAedat31Options = {},
): Uint8Array {
  checkColumns("writeAedat31", events);
  if (!/^[\x20-\x7e]*$/.test(source)) {
    throw new RangeError(`writeAedat31: source must be one line of printable ASCII, got ${JSON.stringify(source)}`);
  }
  if (!(Number.isInteger(packetEvents) && packetEvents > 0 && packetEvents < 2 ** 31)) {
    throw new RangeError(`writeAedat31: packetEvents must be an integer in 1..2^31-1, got ${packetEvents}`);
  }
  const { t, x, y, p } = events;
  const lines = [MAGIC, "#Format: RAW", `#Source 1: ${source}`, START_TIME, END_OF_HEADER, ""];
  const header = Buffer.from(lines.join("\r\n"), "ascii");

  const starts: number[] = [];
  for (let i = 0; i < t.length; i++) {
    checkEvent(events, i);
    const start = starts.at(-1);
    if (start === undefined || i - start === packetEvents || overflowOf(t[i]!) !== overflowOf(t[start]!))
      starts.push(i);
  }

  const bytes = new Uint8Array(header.length + starts.length * PACKET_HEADER_BYTES + t.length * EVENT_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(header);
  let at = header.length;
  starts.forEach((start, k) => {
    const end = starts[k + 1] ?? t.length;
    view.setUint16(at, POLARITY, true);
    view.setUint16(at + 2, 1, true); // source
    view.setUint32(at + 4, EVENT_BYTES, true);
    view.setUint32(at + 8, 4, true); // offset of the timestamp within an event
    view.setUint32(at + 12, overflowOf(t[start]!), true);
    for (const field of [16, 20, 24]) view.setUint32(at + field, end - start, true); // capacity, number, valid
    at += PACKET_HEADER_BYTES;
    for (let i = start; i < end; i++, at += EVENT_BYTES) {
      view.setUint32(at, ((x[i]! << 17) | (y[i]! << 2) | (p[i]! << 1) | 1) >>> 0, true);
      view.setUint32(at + 4, t[i]! % 2 ** 31, true);
    }
  });
  return bytes;
}

function overflowOf(t: number): number {
  return Math.floor(t / 2 ** 31);
}

function checkEvent({ t, x, y, p }: Events, i: number): void {
  const fail = (column: string, must: string, got: number): never => {
    throw new RangeError(`writeAedat31: ${column}[${i}] must be ${must}, got ${got}`);
  };
  if (!(Number.isSafeInteger(t[i]) && t[i]! >= 0)) fail("t", "whole microseconds in 0..2^53", t[i]!);
  if (x[i]! > 0x7fff) fail("x", "in 0..32767", x[i]!);
  if (y[i]! > 0x7fff) fail("y", "in 0..32767", y[i]!);
  if (p[i]! > 1) fail("p", "0 or 1", p[i]!);
}
