/** @file EVT2 and EVT2.1 of Prophesee. */
import { allocateEvents, type Events } from "../events.js";
import { readPropheseeHeader } from "./propheseeHeader.js";
import {
  type EventFormat,
  firstEvents,
  type RecordingFile,
  type RecordingOptions,
  readFormat,
  records,
  words32,
} from "./recording.js";

/** Types of words. */
const [ON, TIME_HIGH] = [1, 8];
/** Microseconds after which the clock wraps around: 28 bits of time above 6. */
const PERIOD = 2 ** 34;
/** A time that falls by less has not wrapped around. */
const LEAST_FALL = PERIOD - 11 * 64;

/** The time that TIME_HIGH words have set. */
interface EvtClock {
  /** Microseconds, a multiple of 64, before wrap-around; -1 before the first TIME_HIGH. */
  high: number;
  /** Microseconds to add for the times the clock has wrapped around. */
  wrapped: number;
}

/**
 * Reads an EVT2 recording of Prophesee.
 *
 * Format: header lines that start with `%`, to `% end` where there is one, then little-endian words of 32 bits. Bits
 * 31..28 are the type:
 *
 *     0 and 1   an event with p = type: time bits 27..22, x bits 21..11, y bits 10..0
 *     8         TIME_HIGH: bits 27..0 are the time in units of 64 us
 *     others    triggers and vendors' own, skipped
 *
 * The time of an event is `high * 64 + its 6 bits` microseconds. So the words `80000002 1140a010` are the event x 20, y
 * 16, p 1, t 133. Events before the first TIME_HIGH have no time and are dropped. Where the time falls by nearly 2^34
 * us, the clock has wrapped around, and 2^34 is added from there on.
 *
 * @param file path, or the bytes of the whole file
 * @returns its events, in file order
 * @throws FileFormatError naming file and byte when the file is of another format, is truncated, or has an event
 *   outside the sensor; RangeError when it is no regular file
 * @see https://docs.prophesee.ai/stable/data/encoding_formats/evt2.html; `metavision_evt2_raw_file_decoder` of OpenEB
 *
 * @example
 * const header = Buffer.from("% evt 2.0\n% end\n");
 * const words = new Uint8Array(Uint32Array.of(0x80000002, 0x1140a010).buffer);
 * const { t, x, y, p } = await readEvt2(Buffer.concat([header, words]));
 * [t[0], x[0], y[0], p[0]]; // [133, 20, 16, 1]
 */
export function readEvt2(file: RecordingFile, options: RecordingOptions = {}): Promise<Events> {
  return readFormat(evt2, file, options);
}

/** The format; see {@link readEvt2}. */
export const evt2: EventFormat = {
  format: "EVT2",
  reader: "readEvt2",
  async *blocks(bytes) {
    await readPropheseeHeader(bytes);
    const clock: EvtClock = { high: -1, wrapped: 0 };
    for await (const chunk of records(bytes, 4, "words")) {
      const words = words32(chunk);
      const events = allocateEvents(words.length);
      yield firstEvents(events, decode(words, events, clock));
    }
  },
};

/** Decodes words, and returns how many are events. */
function decode(words: Uint32Array, { t, x, y, p }: Events, clock: EvtClock): number {
  let base = clock.high < 0 ? -1 : clock.wrapped + clock.high;
  let n = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const type = word >>> 28;
    if (type <= ON) {
      if (base < 0) continue;
      t[n] = base + ((word >>> 22) & 0x3f);
      x[n] = (word >>> 11) & 0x7ff;
      y[n] = word & 0x7ff;
      p[n] = type;
      n++;
    } else if (type === TIME_HIGH) {
      base = setTime(clock, word & 0xfff_ffff);
    }
  }
  return n;
}

/** Sets the clock to `high` units of 64 us, and returns the microseconds since the start. */
function setTime(clock: EvtClock, high: number): number {
  const time = high * 64;
  if (clock.high - time >= LEAST_FALL) clock.wrapped += PERIOD;
  clock.high = time;
  return clock.wrapped + time;
}

/**
 * Reads an EVT2.1 recording of Prophesee.
 *
 * Format: a header as of EVT2, then little-endian words of 64 bits, of which `lower` and `upper` are the halves; with
 * `endianness=legacy` in the header the upper half comes first. Bits 31..28 of the upper half are the type:
 *
 *     0 and 1   up to 32 events with p = type: time bits 27..22, x bits 21..11, y bits 10..0 of the upper half;
 *               each bit i that is set in the lower half is an event at x + i
 *     8         TIME_HIGH: bits 27..0 of the upper half are the time in units of 64 us
 *
 * So the words `00000000 80000002, 00000005 1140a010` (lower, upper) are the events x 20 and x 22, both y 16, p 1, t
 * 133. All else is as in {@link readEvt2}.
 *
 * @param file path, or the bytes of the whole file
 * @returns its events, in file order
 * @throws as {@link readEvt2}
 * @see https://docs.prophesee.ai/stable/data/encoding_formats/evt21.html
 *
 * @example
 * const header = Buffer.from("% evt 2.1\n% end\n");
 * const words = new Uint8Array(Uint32Array.of(0, 0x80000002, 5, 0x1140a010).buffer);
 * const { t, x } = await readEvt21(Buffer.concat([header, words]));
 * x; // Uint16Array [20, 22]
 * t; // Float64Array [133, 133]
 */
export function readEvt21(file: RecordingFile, options: RecordingOptions = {}): Promise<Events> {
  return readFormat(evt21, file, options);
}

/** The format; see {@link readEvt21}. */
export const evt21: EventFormat = {
  format: "EVT2.1",
  reader: "readEvt21",
  async *blocks(bytes) {
    const header = await readPropheseeHeader(bytes);
    // The columns of a vector may reach beyond those that 11 bits count.
    bytes.sensor.width ??= 2 ** 11;
    const legacy = header.some(({ text }) => /\bendianness[= ]legacy\b/.test(text));
    const clock: EvtClock = { high: -1, wrapped: 0 };
    for await (const chunk of records(bytes, 8, "words")) {
      const words = words32(chunk);
      const events = allocateEvents(countVectors(words, legacy ? 0 : 1));
      yield firstEvents(events, decodeVectors(words, legacy ? 0 : 1, events, clock));
    }
  },
};

/** The events of vectors, as many as bits are set; `upper` is where the upper half of a word is. */
function countVectors(words: Uint32Array, upper: number): number {
  let count = 0;
  for (let i = 0; i < words.length; i += 2) {
    if (words[i + upper]! >>> 28 > ON) continue;
    for (let valid = words[i + 1 - upper]!; valid !== 0; valid &= valid - 1) count++;
  }
  return count;
}

/** Decodes vectors, and returns how many events they had. */
function decodeVectors(words: Uint32Array, upper: number, { t, x, y, p }: Events, clock: EvtClock): number {
  let base = clock.high < 0 ? -1 : clock.wrapped + clock.high;
  let n = 0;
  for (let i = 0; i < words.length; i += 2) {
    const head = words[i + upper]!;
    const type = head >>> 28;
    if (type === TIME_HIGH) base = setTime(clock, head & 0xfff_ffff);
    if (type > ON || base < 0) continue;
    const time = base + ((head >>> 22) & 0x3f);
    const column = (head >>> 11) & 0x7ff;
    for (let valid = words[i + 1 - upper]!; valid !== 0; valid &= valid - 1) {
      t[n] = time;
      x[n] = column + 31 - Math.clz32(valid & -valid);
      y[n] = head & 0x7ff;
      p[n] = type;
      n++;
    }
  }
  return n;
}
