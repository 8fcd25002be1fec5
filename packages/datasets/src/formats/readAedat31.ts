/** @file AEDAT 3.1, the format of DVS128 Gesture: reading. */
import { readRegular } from "@sew/files";
import { allocateEvents, type Events } from "../events.js";
import { FileFormatError } from "../fileFormatError.js";

/** First line of a file of this format. */
export const MAGIC = "#!AER-DAT3.1";
/** Last line of its header. */
export const END_OF_HEADER = "#!END-HEADER";
/** Bytes before the events of a packet. */
export const PACKET_HEADER_BYTES = 28;
/** Bytes of one polarity event. */
export const EVENT_BYTES = 8;
/** Packet type of polarity events. */
export const POLARITY = 1;

const TRUNCATED = "the file is truncated or damaged: copy or download it again";

/** How {@link readAedat31} and {@link parseAedat31} check what they read. */
export interface Aedat31Options {
  /** Rows of the sensor; an event with `y >= height` is an error. @defaultValue any row is allowed */
  readonly height?: number;
  /** Columns of the sensor; an event with `x >= width` is an error. @defaultValue any column is allowed */
  readonly width?: number;
}

/**
 * Reads the polarity events of an AEDAT 3.1 file.
 *
 * Format: ASCII lines that start with `#`, from `#!AER-DAT3.1` to `#!END-HEADER`, then packets. A packet is a
 * little-endian header of 28 bytes,
 *
 *     u16 type, u16 source, u32 event size, u32 timestamp offset, u32 timestamp overflow, u32 capacity, u32 number, u32 valid
 *
 * and `capacity * size` bytes, of which the first `number * size` are events. Packets of another type than 1 (polarity)
 * are skipped. A polarity event is `u32 data, u32 timestamp`, with
 *
 *     x = (data >> 17) & 0x7fff    y = (data >> 2) & 0x7fff    p = (data >> 1) & 1    t = timestamp + overflow * 2^31
 *
 * and t in microseconds. Bit 0, "valid", is ignored, as the data set's other readers do. Nothing is flipped.
 *
 * @param path the file
 * @returns its events, in file order
 * @throws FileFormatError naming file and byte when the file is empty, truncated, of another format, or holds an event
 *   outside the sensor; RangeError when it is no regular file
 * @see https://docs.inivation.com/software/software-advanced-usage/file-formats/aedat-3.1.html
 *
 * @example
 * const [x, y] = [Uint16Array.of(5, 6), Uint16Array.of(7, 8)];
 * await writeAedat31("two.aedat", { t: Float64Array.of(1000, 1200), x, y, p: Uint8Array.of(1, 0) });
 * const events = await readAedat31("two.aedat", { height: 128, width: 128 });
 * events.t; // Float64Array [1000, 1200]
 */
export async function readAedat31(path: string, options: Aedat31Options = {}): Promise<Events> {
  return parseAedat31(await readRegular("readAedat31", path), { ...options, file: path });
}

/**
 * {@link readAedat31} for bytes already in memory.
 *
 * @param bytes the whole file
 * @param options the sensor's size, and the name that errors give to the file
 * @throws FileFormatError
 */
export function parseAedat31(
  bytes: Uint8Array,
  {
    file = "the file",
    height = Number.POSITIVE_INFINITY,
    width = Number.POSITIVE_INFINITY,
  }: Aedat31Options & { readonly file?: string } = {},
): Events {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = skipHeader(bytes, file);

  // Headers first, events second: nothing is allocated before the file has shown that it holds the events it declares.
  const packets = [...polarityPackets(view, start, file)];
  const events = allocateEvents(packets.reduce((sum, { number }) => sum + number, 0));

  let i = 0;
  for (const { first, number, overflow } of packets) {
    const base = overflow * 2 ** 31;
    for (let at = first; at < first + number * EVENT_BYTES; at += EVENT_BYTES, i++) {
      const data = view.getUint32(at, true);
      const timestamp = view.getUint32(at + 4, true);
      const x = (data >>> 17) & 0x7fff;
      const y = (data >>> 2) & 0x7fff;
      if (x >= width || y >= height) {
        throw new FileFormatError({
          reader: "readAedat31",
          file,
          offset: at,
          must: `hold events of a sensor of ${height} rows and ${width} columns`,
          got: `one at x ${x}, y ${y}`,
          remedy: "it was recorded with another sensor or is damaged",
        });
      }
      if (timestamp >= 2 ** 31) {
        throw new FileFormatError({
          reader: "readAedat31",
          file,
          offset: at + 4,
          must: "hold timestamps below 2^31",
          got: `${timestamp}`,
          remedy: TRUNCATED,
        });
      }
      events.t[i] = base + timestamp;
      events.x[i] = x;
      events.y[i] = y;
      events.p[i] = (data >>> 1) & 1;
    }
  }
  return events;
}

/** Byte offset of the first packet. */
function skipHeader(bytes: Uint8Array, file: string): number {
  const fail = (offset: number, must: string, got: string, remedy: string): never => {
    throw new FileFormatError({ reader: "readAedat31", file, offset, must, got, remedy });
  };
  if (bytes.length === 0) fail(0, `start with "${MAGIC}"`, "an empty file", "copy or download it again");

  for (let offset = 0; ; ) {
    const newline = bytes.indexOf(0x0a, offset);
    const line = ascii(bytes.subarray(offset, newline < 0 ? bytes.length : newline)).trimEnd();
    if (offset === 0 && line !== MAGIC) {
      fail(0, `start with "${MAGIC}"`, JSON.stringify(line), "it is of another format or version");
    }
    if (newline < 0) {
      fail(bytes.length, `hold a line "${END_OF_HEADER}" before its events`, "the end of the file", TRUNCATED);
    }
    if (!line.startsWith("#")) {
      fail(offset, `hold a line "${END_OF_HEADER}" before its events`, JSON.stringify(line), TRUNCATED);
    }
    if (line.startsWith("#Format:") && line !== "#Format: RAW") {
      fail(offset, 'hold events in "#Format: RAW"', JSON.stringify(line), "export it uncompressed");
    }
    offset = newline + 1;
    if (line === END_OF_HEADER) return offset;
  }
}

/** At most 40 characters, for comparing and for showing. */
function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 40));
}

interface PolarityPacket {
  /** Byte offset of the first event. */
  readonly first: number;
  readonly number: number;
  readonly overflow: number;
}

/** The polarity packets from byte `start` on, each checked to lie within the file. */
function* polarityPackets(view: DataView, start: number, file: string): Generator<PolarityPacket> {
  for (let at = start; at < view.byteLength; ) {
    const fail = (offset: number, must: string, got: string, remedy = TRUNCATED): never => {
      throw new FileFormatError({ reader: "readAedat31", file, offset, must, got, remedy });
    };
    if (view.byteLength - at < PACKET_HEADER_BYTES) {
      fail(at, `hold packet headers of ${PACKET_HEADER_BYTES} bytes`, `${view.byteLength - at} bytes`);
    }
    const type = view.getUint16(at, true);
    const size = view.getUint32(at + 4, true);
    const timestampOffset = view.getUint32(at + 8, true);
    const overflow = view.getUint32(at + 12, true);
    const capacity = view.getUint32(at + 16, true);
    const number = view.getUint32(at + 20, true);
    const first = at + PACKET_HEADER_BYTES;
    const left = view.byteLength - first;
    if (capacity * size > left) {
      fail(
        at + 16,
        `hold the ${capacity} events of ${size} bytes that a packet declares`,
        `${left} bytes after its header`,
      );
    }
    if (type === POLARITY) {
      if (size !== EVENT_BYTES) fail(at + 4, `hold polarity events of ${EVENT_BYTES} bytes`, `${size}`);
      if (timestampOffset !== 4)
        fail(at + 8, "hold polarity events with the timestamp at byte 4", `${timestampOffset}`);
      if (overflow >= 2 ** 22) fail(at + 12, "hold timestamp overflows below 2^22", `${overflow}`);
      if (number > capacity) fail(at + 20, `hold at most the ${capacity} events of a packet's capacity`, `${number}`);
      if (number > 0) yield { first, number, overflow };
    }
    at = first + capacity * size;
  }
}
