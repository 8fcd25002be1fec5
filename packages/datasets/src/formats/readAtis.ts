/** @file The 40-bit events of an ATIS: N-MNIST and N-Caltech101 (`.bin`), and `.bs2` of SLAYER. */
import { allocateEvents, type Events } from "../events.js";
import {
  type EventFormat,
  firstEvents,
  type RecordingFile,
  type RecordingOptions,
  readFormat,
  records,
} from "./recording.js";

const EVENT_BYTES = 5;
/** This row is on no sensor that writes the format: it says that the camera's 13-bit clock has wrapped around. */
const OVERFLOW_ROW = 240;
const OVERFLOW_TIME = 2 ** 13;

/**
 * Reads a recording of 40-bit events, of a sensor of any size up to 256 x 256.
 *
 * Format: 5 bytes an event and nothing else. Byte 0 is x, byte 1 is y, and bytes 2..4 are a big-endian number whose bit
 * 23 is p and whose bits 22..0 are t in microseconds. So the bytes `05 07 80 03 e8` are the event x 5, y 7, p 1, t
 * 1000. An entry with y = 240 is no event: it adds 2^13 us to all times after it, as in Tonic. (SpikingJelly takes it
 * as an event.)
 *
 * @param file path, or the bytes of the whole file
 * @param options the format has no signature: `height` and `width` are what tells a file of another one
 * @returns its events, in file order; a file of 0 bytes has none
 * @throws FileFormatError when the length is no multiple of 5, or an event lies outside the sensor; RangeError when it
 *   is no regular file
 * @see Orchard et al., "Converting Static Image Datasets to Spiking Neuromorphic Datasets Using Saccades", 2015
 *
 * @example
 * const { t, x, y, p } = await readAtis(Uint8Array.of(5, 7, 0x80, 0x03, 0xe8), { height: 34, width: 34 });
 * [t[0], x[0], y[0], p[0]]; // [1000, 5, 7, 1]
 */
export function readAtis(file: RecordingFile, options: RecordingOptions = {}): Promise<Events> {
  return readFormat(atis, file, options);
}

/** The format; see {@link readAtis}. */
export const atis: EventFormat = {
  format: "ATIS",
  reader: "readAtis",
  async *blocks(bytes) {
    const clock = { base: 0 };
    for await (const chunk of records(bytes, EVENT_BYTES)) {
      const events = allocateEvents(chunk.length / EVENT_BYTES);
      yield firstEvents(events, decode(chunk, events, clock));
    }
  },
};

/** Decodes events, and returns how many of the entries are events. `clock.base` is the microseconds to add for that. */
function decode(bytes: Uint8Array, { t, x, y, p }: Events, clock: { base: number }): number {
  let { base } = clock;
  let n = 0;
  for (let at = 0; at < bytes.length; at += EVENT_BYTES) {
    const row = bytes[at + 1]!;
    if (row === OVERFLOW_ROW) {
      base += OVERFLOW_TIME;
      continue;
    }
    const high = bytes[at + 2]!;
    t[n] = base + (((high & 0x7f) << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!);
    x[n] = bytes[at]!;
    y[n] = row;
    p[n] = high >>> 7;
    n++;
  }
  clock.base = base;
  return n;
}
