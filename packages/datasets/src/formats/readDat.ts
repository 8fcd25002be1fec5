/** @file DAT of Prophesee: N-CARS and GEN1. */
import { allocateEvents, type Events } from "../events.js";
import { readPropheseeHeader } from "./propheseeHeader.js";
import {
  type Clock,
  type EventFormat,
  type RecordingFile,
  type RecordingOptions,
  readFormat,
  records,
  words32,
} from "./recording.js";

const EVENT_BYTES = 8;
/** Types of change detection events. */
const CHANGE_DETECTION = [0, 12];

/**
 * Reads a DAT recording of Prophesee.
 *
 * Format: lines that start with `%`; a byte with the type of the events, which is 0 or 12, and one with their size,
 * which is 8; then the events, little-endian: `u32 t, u32 data`, with t in microseconds and
 *
 *     x = data & 0x3fff    y = (data >> 14) & 0x3fff    p = (data >> 28) & 1
 *
 * So the bytes `e8 03 00 00 14 00 04 10` are the event x 20, y 16, p 1, t 1000. A time that lies more than 2^31 below
 * the one before it has wrapped around: 2^32 is added to it and to those after it.
 *
 * @param file path, or the bytes of the whole file
 * @returns its events, in file order
 * @throws FileFormatError naming file and byte when the file is of another format, holds events of another type, is
 *   truncated, or has an event outside the sensor; RangeError when it is no regular file
 * @see https://docs.prophesee.ai/stable/data/file_formats/dat.html; `dat_tools.py` of OpenEB
 *
 * @example
 * const header = Buffer.from("% Version 2\n\x0c\x08", "latin1");
 * const bytes = Buffer.concat([header, Uint8Array.of(0xe8, 3, 0, 0, 0x14, 0, 4, 0x10)]);
 * const { t, x, y, p } = await readDat(bytes);
 * [t[0], x[0], y[0], p[0]]; // [1000, 20, 16, 1]
 */
export function readDat(file: RecordingFile, options: RecordingOptions = {}): Promise<Events> {
  return readFormat(dat, file, options);
}

/** The format; see {@link readDat}. */
export const dat: EventFormat = {
  format: "DAT",
  reader: "readDat",
  async *blocks(bytes) {
    await readPropheseeHeader(bytes);
    const [type = -1] = await bytes.take(2);
    if (!CHANGE_DETECTION.includes(type)) {
      throw bytes.fault(
        bytes.position - 2,
        "hold change detection events, type 0 or 12",
        `type ${type}`,
        "it holds events of another kind",
      );
    }
    const clock: Clock = { last: 0, base: 0 };
    for await (const chunk of records(bytes, EVENT_BYTES)) yield decode(words32(chunk), clock);
  },
};

function decode(words: Uint32Array, clock: Clock): Events {
  const events = allocateEvents(words.length / 2);
  const { t, x, y, p } = events;
  let { last, base } = clock;
  for (let i = 0; i < t.length; i++) {
    const time = words[2 * i]!;
    const data = words[2 * i + 1]!;
    if (last - time > 2 ** 31) base += 2 ** 32;
    last = time;
    t[i] = base + time;
    x[i] = data & 0x3fff;
    y[i] = (data >>> 14) & 0x3fff;
    p[i] = (data >>> 28) & 1;
  }
  clock.last = last;
  clock.base = base;
  return events;
}
