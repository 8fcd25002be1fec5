/** @file AEDAT 3.1, the format of DVS128 Gesture: reading. */
import { allocateEvents, type Events } from "../events.js";
import {
  type ByteReader,
  CHUNK_BYTES,
  type EventFormat,
  type RecordingFile,
  type RecordingOptions,
  readFormat,
  readHeader,
  words32,
} from "./recording.js";

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
 * @param file path, or the bytes of the whole file
 * @returns its events, in file order
 * @throws FileFormatError naming file and byte when the file is of another format, truncated, or holds an event outside
 *   the sensor; RangeError when it is no regular file
 * @see https://docs.inivation.com/software/software-advanced-usage/file-formats/aedat-3.1.html
 *
 * @example
 * const [x, y] = [Uint16Array.of(5, 6), Uint16Array.of(7, 8)];
 * await writeAedat31("two.aedat", { t: Float64Array.of(1000, 1200), x, y, p: Uint8Array.of(1, 0) });
 * const events = await readAedat31("two.aedat", { height: 128, width: 128 });
 * events.t; // Float64Array [1000, 1200]
 */
export function readAedat31(file: RecordingFile, options: RecordingOptions = {}): Promise<Events> {
  return readFormat(aedat31, file, options);
}

/** The format; see {@link readAedat31}. */
export const aedat31: EventFormat = {
  format: "AEDAT 3.1",
  reader: "readAedat31",
  async *blocks(bytes) {
    await skipHeader(bytes);
    while (bytes.position < bytes.length) yield* readPacket(bytes);
  },
};

/** Leaves the position at the first packet. */
async function skipHeader(bytes: ByteReader): Promise<void> {
  const lines = await readHeader(bytes, "#", END_OF_HEADER);
  for (const { text, offset } of lines) {
    if (text.startsWith("#Format:") && text !== "#Format: RAW") {
      throw bytes.fault(offset, 'hold events in "#Format: RAW"', JSON.stringify(text), "export it uncompressed");
    }
  }
  if (lines.at(-1)?.text === END_OF_HEADER) return;
  const must = `hold a line "${END_OF_HEADER}" before its events`;
  if (bytes.position === bytes.length) throw bytes.truncation(bytes.position, must, "the end of the file");
  throw bytes.fault(bytes.position, must, "another line");
}

/** The events of the next packet. */
async function* readPacket(bytes: ByteReader): AsyncGenerator<Events> {
  const at = bytes.position;
  const header = await bytes.take(PACKET_HEADER_BYTES);
  if (header.length < PACKET_HEADER_BYTES) {
    throw bytes.truncation(at, `hold packet headers of ${PACKET_HEADER_BYTES} bytes`, `${header.length} bytes`);
  }
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const type = view.getUint16(0, true);
  const [size = 0, timestampOffset = 0, overflow = 0, capacity = 0, number = 0] = Array.from({ length: 5 }, (_, i) =>
    view.getUint32(4 + 4 * i, true),
  );
  const end = bytes.position + capacity * size;
  const left = bytes.length - bytes.position;
  if (type === POLARITY) {
    const check = (holds: boolean, field: number, must: string, got: number): void => {
      if (!holds) throw bytes.fault(at + field, must, `${got}`);
    };
    check(size === EVENT_BYTES, 4, `hold polarity events of ${EVENT_BYTES} bytes`, size);
    check(timestampOffset === 4, 8, "hold polarity events with the timestamp at byte 4", timestampOffset);
    check(overflow < 2 ** 22, 12, "hold timestamp overflows below 2^22", overflow);
    check(number <= capacity, 20, `hold at most the ${capacity} events of a packet's capacity`, number);
    for (let rest = Math.min(number, Math.floor(left / EVENT_BYTES)); rest > 0; ) {
      const chunk = await bytes.take(Math.min(rest * EVENT_BYTES, CHUNK_BYTES));
      yield decode(chunk, overflow * 2 ** 31, bytes);
      rest -= chunk.length / EVENT_BYTES;
    }
  }
  if (end > bytes.length) {
    const must = `hold the ${capacity} events of ${size} bytes that a packet declares`;
    throw bytes.truncation(at + 16, must, `${left} bytes after its header`);
  }
  bytes.position = end;
}

/** Decodes the events of a chunk, the last that was taken; `base` is what the overflow of their packet adds. */
function decode(chunk: Uint8Array, base: number, bytes: ByteReader): Events {
  const words = words32(chunk);
  const events = allocateEvents(words.length / 2);
  const { t, x, y, p } = events;
  for (let i = 0; i < t.length; i++) {
    const data = words[2 * i]!;
    const timestamp = words[2 * i + 1]!;
    if (timestamp >= 2 ** 31) {
      const offset = bytes.position - chunk.length + EVENT_BYTES * i + 4;
      throw bytes.fault(offset, "hold timestamps below 2^31", `${timestamp}`);
    }
    t[i] = base + timestamp;
    x[i] = (data >>> 17) & 0x7fff;
    y[i] = (data >>> 2) & 0x7fff;
    p[i] = (data >>> 1) & 1;
  }
  return events;
}
