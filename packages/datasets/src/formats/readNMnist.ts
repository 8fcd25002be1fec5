/** @file The 40-bit events of N-MNIST (`.bin`, and `.bs2` of SLAYER). */
import { readRegular } from "@sew/files";
import { allocateEvents, type Events } from "../events.js";
import { FileFormatError } from "../fileFormatError.js";

/** Side of the square field of view of N-MNIST, in pixels. */
export const NMNIST_SENSOR = 34;

const EVENT_BYTES = 5;
/** This row is not on the sensor: it marks that the camera's 13-bit clock has gone round once. */
const OVERFLOW_ROW = 240;
const OVERFLOW_TIME = 2 ** 13;

/**
 * Reads an N-MNIST sample.
 *
 * Format: 5 bytes an event and nothing else. Byte 0 is x, byte 1 is y, and bytes 2..4 are a big-endian number whose bit
 * 23 is p and whose bits 22..0 are t in microseconds. An entry with y = 240 is no event: it adds 2^13 us to all times
 * after it, as in the data set's own reader.
 *
 * @param path the file
 * @returns its events, in file order; a file of 0 bytes has none
 * @throws FileFormatError when the length is no multiple of 5, or an event lies outside 34 x 34; RangeError when it is no
 *   regular file
 * @see Orchard et al., "Converting Static Image Datasets to Spiking Neuromorphic Datasets Using Saccades", 2015
 *
 * @example
 * import { writeFile } from "node:fs/promises";
 * import { readNMnist } from "@sew/datasets";
 *
 * await writeFile("one.bin", Uint8Array.of(5, 7, 0x80, 0x03, 0xe8));
 * const { t, x, y, p } = await readNMnist("one.bin");
 * [t[0], x[0], y[0], p[0]]; // [1000, 5, 7, 1]
 */
export async function readNMnist(path: string): Promise<Events> {
  return parseNMnist(await readRegular("readNMnist", path), path);
}

/** {@link readNMnist} for bytes already in memory; errors call them `file`. */
export function parseNMnist(bytes: Uint8Array, file = "the file"): Events {
  if (bytes.length % EVENT_BYTES !== 0) {
    throw new FileFormatError({
      reader: "readNMnist",
      file,
      offset: bytes.length - (bytes.length % EVENT_BYTES),
      must: `hold events of ${EVENT_BYTES} bytes`,
      got: `${bytes.length % EVENT_BYTES} bytes`,
      remedy: "the file is truncated or of another format: copy or download it again",
    });
  }
  let overflows = 0;
  for (let at = 0; at < bytes.length; at += EVENT_BYTES) if (bytes[at + 1] === OVERFLOW_ROW) overflows++;

  const events = allocateEvents(bytes.length / EVENT_BYTES - overflows);
  for (let at = 0, i = 0, base = 0; at < bytes.length; at += EVENT_BYTES) {
    const [x, y, high] = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!];
    if (y === OVERFLOW_ROW) {
      base += OVERFLOW_TIME;
      continue;
    }
    if (x >= NMNIST_SENSOR || y >= NMNIST_SENSOR) {
      throw new FileFormatError({
        reader: "readNMnist",
        file,
        offset: at,
        must: `hold events of a sensor of ${NMNIST_SENSOR} rows and ${NMNIST_SENSOR} columns`,
        got: `one at x ${x}, y ${y}`,
        remedy: "the file is damaged or of another data set",
      });
    }
    events.t[i] = base + (((high & 0x7f) << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!);
    events.x[i] = x;
    events.y[i] = y;
    events.p[i] = high >>> 7;
    i++;
  }
  return events;
}
