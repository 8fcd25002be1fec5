/** @file AEDAT 2.0 of a DVS128: recordings of jAER, MNIST-DVS and CIFAR10-DVS. */
import { allocateEvents, type Events } from "../events.js";
import {
  type Clock,
  type EventFormat,
  firstEvents,
  type RecordingFile,
  type RecordingOptions,
  readFormat,
  readHeader,
  records,
  words32,
} from "./recording.js";

/** Side of the square sensor of a DVS128, in pixels. */
export const DVS128_SENSOR = 128;

const END_OF_HEADER = "#End Of ASCII Header";
const EVENT_BYTES = 8;

/**
 * Reads an AEDAT 2.0 recording of a DVS128.
 *
 * Format: lines that start with `#`, from `#!AER-DAT2.0` to `#End Of ASCII Header` (older files: to the last line that
 * starts with `#`), each ended by LF or CRLF. Then 8 bytes an event, big-endian: `u32 address, u32 time`, with
 *
 *     x = 127 - (address >> 1 & 127)    y = 127 - (address >> 8 & 127)    p = 1 - (address & 1)    t = time in microseconds
 *
 * which is the picture that jAER shows: the chip counts columns from the right, rows from the bottom, and bit 0 is set
 * where it got darker. So the bytes `00 00 14 05 00 00 03 e8` are the event x 125, y 107, p 0, t 1000. Events with bit
 * 15 set are special (synchronisation, external input) and are dropped, as jAER does. Times are unsigned; one that lies
 * more than 2^31 below the time before it has wrapped around: 2^32 is added to it and to those after it.
 *
 * @param file path, or the bytes of the whole file
 * @returns its events, in file order, within 128 x 128
 * @throws FileFormatError naming file and byte when the file is of another format or another chip, or truncated;
 *   RangeError when it is no regular file
 * @see https://docs.inivation.com/software/software-advanced-usage/file-formats/aedat-2.0.html; class DVS128 of jAER
 *
 * @example
 * const header = Buffer.from("#!AER-DAT2.0\r\n");
 * const bytes = Buffer.concat([header, Uint8Array.of(0, 0, 0x14, 0x05, 0, 0, 0x03, 0xe8)]);
 * const { t, x, y, p } = await readAedat2(bytes);
 * [t[0], x[0], y[0], p[0]]; // [1000, 125, 107, 0]
 */
export function readAedat2(file: RecordingFile, options: RecordingOptions = {}): Promise<Events> {
  return readFormat(aedat2, file, options);
}

/** The format; see {@link readAedat2}. */
export const aedat2: EventFormat = {
  format: "AEDAT 2.0",
  reader: "readAedat2",
  async *blocks(bytes) {
    for (const { text, offset } of await readHeader(bytes, "#", END_OF_HEADER)) {
      const [, chip] = /^#\s*AEChip:\s*(.*)$/.exec(text) ?? [];
      if (chip === undefined || chip.endsWith(".DVS128")) continue;
      throw bytes.fault(offset, "be a recording of a DVS128", JSON.stringify(chip), "export it as AEDAT 4 or NPZ");
    }
    const clock: Clock = { last: 0, base: 0 };
    for await (const chunk of records(bytes, EVENT_BYTES)) {
      const events = allocateEvents(chunk.length / EVENT_BYTES);
      const words = words32(chunk);
      const count = decode(words, events, clock);
      if (count < 0) {
        const foreign = words.findIndex((word, k) => k % 2 === 0 && (word & 0xffff) !== 0);
        throw bytes.fault(
          bytes.position - chunk.length + 4 * foreign,
          "hold addresses of a DVS128, below 2^16",
          `${swap(words[foreign]!)}`,
          "it was recorded with another sensor or is damaged",
        );
      }
      yield firstEvents(events, count);
    }
  },
};

/**
 * Decodes events, and returns how many are none of the special ones; -1 when an address has more than 16 bits. The
 * words are those of a little-endian view, so that the bytes of each stand in the opposite order.
 */
function decode(words: Uint32Array, { t, x, y, p }: Events, clock: Clock): number {
  let { last, base } = clock;
  let n = 0;
  let bits = 0;
  for (let k = 0; k < words.length; k += 2) {
    const address = words[k]!;
    bits |= address;
    const time = swap(words[k + 1]!);
    if (last - time > 2 ** 31) base += 2 ** 32;
    last = time;
    if ((address & 0x80_00_00) !== 0) continue;
    t[n] = base + time;
    x[n] = 127 - (address >>> 25);
    y[n] = 127 - ((address >>> 16) & 127);
    p[n] = 1 - ((address >>> 24) & 1);
    n++;
  }
  clock.last = last;
  clock.base = base;
  return (bits & 0xffff) === 0 ? n : -1;
}

/** A word with its bytes in the opposite order. */
function swap(word: number): number {
  return (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
