/** @file EVT3 of Prophesee. */
import { allocateEvents, type Events } from "../events.js";
import { readPropheseeHeader } from "./propheseeHeader.js";
import {
  type EventFormat,
  firstEvents,
  type RecordingFile,
  type RecordingOptions,
  readFormat,
  records,
  words16,
} from "./recording.js";

/** Types of words. */
const [ADDRESS_Y, ADDRESS_X, VECTOR_BASE_X, VECTOR_12, VECTOR_8, TIME_LOW, TIME_HIGH] = [0, 2, 3, 4, 5, 6, 8];
/** Microseconds after which the clock wraps around: 12 bits of time above 12. */
const PERIOD = 2 ** 24;
/** A time that falls by less has not wrapped around. */
const LEAST_FALL = PERIOD - 11 * 4096;

/** What the words of a recording set for those after them. */
interface Evt3State {
  /** Microseconds of the last TIME_HIGH, before wrap-around; -1 before the first. */
  high: number;
  /** Microseconds to add for the times the clock has wrapped around. */
  wrapped: number;
  /** Time of the next event, in microseconds. */
  time: number;
  /** Row of the next event. */
  y: number;
  /** Column of the first event of the next vector. */
  x: number;
  /** Polarity of the events of the next vector. */
  p: number;
}

/**
 * Reads an EVT3 recording of Prophesee.
 *
 * Format: header lines that start with `%`, to `% end` where there is one, then little-endian words of 16 bits. Bits
 * 15..12 are the type:
 *
 *     0   ADDR_Y: y bits 10..0 of the events that follow
 *     2   ADDR_X: an event at x bits 10..0 with p bit 11
 *     3   VECT_BASE_X: x bits 10..0 and p bit 11 of the vectors that follow
 *     4   VECT_12: each bit i of bits 11..0 that is set is an event at x + i; then x grows by 12
 *     5   VECT_8: each bit i of bits 7..0 that is set is an event at x + i; then x grows by 8
 *     6   TIME_LOW: bits 11..0 of the time
 *     8   TIME_HIGH: bits 23..12 of the time; bits 11..0 become 0
 *     others   triggers and vendors' own, skipped
 *
 * with the time in microseconds. So the words `8001 6005 0010 2814` are the event x 20, y 16, p 1, t 4101, and with
 * `3064 4005` after them two more at x 100 and x 102 with p 0. Events before the first TIME_HIGH have no time and are
 * dropped. Where TIME_HIGH falls by nearly 2^24 us, the clock has wrapped around, and 2^24 is added from there on.
 *
 * @param file path, or the bytes of the whole file
 * @returns its events, in file order
 * @throws FileFormatError naming file and byte when the file is of another format, is truncated, or has an event
 *   outside the sensor; RangeError when it is no regular file
 * @see https://docs.prophesee.ai/stable/data/encoding_formats/evt3.html; `metavision_evt3_raw_file_decoder` of OpenEB
 *
 * @example
 * const header = Buffer.from("% evt 3.0\n% end\n");
 * const words = new Uint8Array(Uint16Array.of(0x8001, 0x6005, 0x0010, 0x2814, 0x3064, 0x4005).buffer);
 * const { t, x, p } = await readEvt3(Buffer.concat([header, words]));
 * x; // Uint16Array [20, 100, 102]
 * t; // Float64Array [4101, 4101, 4101]
 * p; // Uint8Array [1, 0, 0]
 */
export function readEvt3(file: RecordingFile, options: RecordingOptions = {}): Promise<Events> {
  return readFormat(evt3, file, options);
}

/** The format; see {@link readEvt3}. */
export const evt3: EventFormat = {
  format: "EVT3",
  reader: "readEvt3",
  async *blocks(bytes) {
    await readPropheseeHeader(bytes);
    // The columns of a vector may reach beyond those that 11 bits count.
    bytes.sensor.width ??= 2 ** 11;
    const state: Evt3State = { high: -1, wrapped: 0, time: 0, y: 0, x: 0, p: 0 };
    for await (const chunk of records(bytes, 2, "words")) {
      const words = words16(chunk);
      const events = allocateEvents(countEvents(words));
      yield firstEvents(events, decode(words, events, state));
    }
  },
};

/** Number of events of words, had all of them a time. */
function countEvents(words: Uint16Array): number {
  let count = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const type = word >>> 12;
    if (type === ADDRESS_X) count++;
    else if (type === VECTOR_12 || type === VECTOR_8) {
      for (let valid = word & (type === VECTOR_12 ? 0xfff : 0xff); valid !== 0; valid &= valid - 1) count++;
    }
  }
  return count;
}

/** Decodes words, and returns how many events they had. */
function decode(words: Uint16Array, { t, x, y, p }: Events, state: Evt3State): number {
  let { high, wrapped, time, y: row, x: base, p: polarity } = state;
  let n = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const value = word & 0xfff;
    switch (word >>> 12) {
      case ADDRESS_Y:
        row = word & 0x7ff;
        break;
      case ADDRESS_X:
        if (high < 0) break;
        t[n] = time;
        x[n] = word & 0x7ff;
        y[n] = row;
        p[n] = (word >>> 11) & 1;
        n++;
        break;
      case VECTOR_BASE_X:
        base = word & 0x7ff;
        polarity = (word >>> 11) & 1;
        break;
      case VECTOR_12:
      case VECTOR_8: {
        const columns = word >>> 12 === VECTOR_12 ? 12 : 8;
        for (let valid = high < 0 ? 0 : value & ((1 << columns) - 1); valid !== 0; valid &= valid - 1) {
          t[n] = time;
          x[n] = base + 31 - Math.clz32(valid & -valid);
          y[n] = row;
          p[n] = polarity;
          n++;
        }
        base += columns;
        break;
      }
      case TIME_LOW:
        time = wrapped + Math.max(high, 0) + value;
        break;
      case TIME_HIGH: {
        const before = high;
        high = value * 4096;
        if (before - high >= LEAST_FALL) wrapped += PERIOD;
        time = wrapped + high;
        break;
      }
    }
  }
  state.high = high;
  state.wrapped = wrapped;
  state.time = time;
  state.y = row;
  state.x = base;
  state.p = polarity;
  return n;
}
