/** @file AEDAT 4, the format of DV and of cameras of iniVation since 2019. */
import { Decompress } from "fzstd";
import { allocateEvents, type Events } from "../events.js";
import { rootTable, type Table } from "./flatBuffer.js";
import { unpackLz4 } from "./lz4.js";
import {
  type ByteReader,
  type EventFormat,
  latin1,
  type RecordingFile,
  type RecordingOptions,
  readFormat,
  words32,
} from "./recording.js";

const MAGIC_BYTES = "#!AER-DAT4.0\r\n".length;
const PACKET_HEADER_BYTES = 8;
const EVENT_BYTES = 16;
/** The most bytes that a packet may unpack to; those of DV have some 10 ms of events. */
const MOST_PACKET_BYTES = 2 ** 28;
/** Values of the compression field: none, LZ4 and Zstandard, the last two at two levels each. */
const [NONE, LZ4_HIGH, ZSTD_HIGH] = [0, 2, 4];

/** Options of {@link readAedat4}. */
export interface Aedat4Options extends RecordingOptions {
  /** Number of the stream of events to read, of a file with several cameras. @defaultValue the lowest */
  readonly stream?: number;
}

/**
 * Reads the events of an AEDAT 4 recording.
 *
 * Format: the line `#!AER-DAT4.0\r\n`; u32 length and a FlatBuffer with the compression, the position of a table at the
 * end of the file, and an XML text that lists the streams; then packets, little-endian: `i32 stream, i32 size`, and
 * `size` bytes, which are a FlatBuffer, plain or as an LZ4 or Zstandard frame. A packet of events has a vector of 16
 * bytes an event,
 *
 *     i64 t, i16 x, i16 y, u8 p, 3 bytes of padding
 *
 * with t in microseconds since 1970. So the bytes `e8 03 00 00 00 00 00 00 14 00 10 00 01 00 00 00` are the event x 20,
 * y 16, p 1, t 1000. Packets of other streams (frames, triggers, inertial sensors) are skipped. Events must lie on the
 * sensor that the XML gives.
 *
 * @param file path, or the bytes of the whole file
 * @returns its events, in file order
 * @throws FileFormatError naming file and byte when the file is of another format, damaged or truncated, has no such
 *   stream, or has an event outside the sensor; RangeError when it is no regular file
 * @see https://docs.inivation.com/software/software-advanced-usage/file-formats/aedat-4.0.html
 *
 * @example
 * ```ts no-run
 * const { t, x, y, p } = await readAedat4("dvSave-2024_01_31.aedat4");
 * ```
 */
export function readAedat4(file: RecordingFile, options: Aedat4Options = {}): Promise<Events> {
  return readFormat(aedat4, file, options);
}

/** The format; see {@link readAedat4}. */
export const aedat4: EventFormat<Aedat4Options> = {
  format: "AEDAT 4",
  reader: "readAedat4",
  async *blocks(bytes, options) {
    const { compression, end, streams } = await readIoHeader(bytes);
    const stream = options.stream === undefined ? streams[0] : streams.find(({ id }) => id === options.stream);
    if (stream === undefined) {
      const must =
        options.stream === undefined ? "hold a stream of events" : `hold a stream ${options.stream} of events`;
      const got = streams.length === 0 ? "none" : `the streams ${streams.map(({ id }) => id).join(", ")}`;
      throw bytes.fault(MAGIC_BYTES, must, got, "choose another stream or file");
    }
    bytes.sensor.height ??= stream.height;
    bytes.sensor.width ??= stream.width;
    while (bytes.position < Math.min(end, bytes.length)) {
      const at = bytes.position;
      const header = await bytes.take(PACKET_HEADER_BYTES);
      if (header.length < PACKET_HEADER_BYTES) {
        throw bytes.truncation(at, `hold packet headers of ${PACKET_HEADER_BYTES} bytes`, `${header.length} bytes`);
      }
      const [id = 0, size = 0] = new Int32Array(new Uint8Array(header).buffer);
      if (size < 0) throw bytes.fault(at + 4, "hold packets of at least 0 bytes", `${size}`);
      const left = bytes.length - bytes.position;
      if (size > left) throw bytes.truncation(at + 4, `hold the ${size} bytes that a packet declares`, `${left} bytes`);
      if (id === stream.id) {
        if (size > MOST_PACKET_BYTES) throw tooLong(bytes, at + 4, size);
        const packet = await bytes.take(size);
        yield readTable(bytes, at, "EVTS", () => decode(rootTable(unpack(packet, compression), "EVTS")));
      } else {
        bytes.position += size;
      }
    }
    if (end > bytes.length) throw bytes.truncation(bytes.length, `reach to its table at byte ${end}`, "its end");
  },
};

/** A stream of events. */
interface Stream {
  readonly id: number;
  readonly height: number | undefined;
  readonly width: number | undefined;
}

/** Reads the header, and leaves the position at the first packet; `end` is where the last one ends. */
async function readIoHeader(
  bytes: ByteReader,
): Promise<{ compression: number; end: number; streams: readonly Stream[] }> {
  const start = MAGIC_BYTES;
  bytes.position = start;
  const prefix = await bytes.take(4);
  const length = prefix.length < 4 ? Number.POSITIVE_INFINITY : words32(prefix)[0]!;
  const left = bytes.length - bytes.position;
  if (length > MOST_PACKET_BYTES && left > MOST_PACKET_BYTES) throw tooLong(bytes, start, length);
  if (length > left) throw bytes.truncation(start, "hold a header of the length that it declares", `${left} bytes`);
  bytes.position = start;
  const buffer = await bytes.take(4 + length);
  const { compression, tablePosition, streams } = readTable(bytes, start, "IOHE", () => {
    const table = rootTable(buffer, "IOHE");
    return {
      compression: table.int32(0, NONE),
      tablePosition: table.int64(1, -1),
      streams: listStreams(latin1(table.vector(2, 1))),
    };
  });
  if (compression < NONE || compression > ZSTD_HIGH) {
    throw bytes.fault(start, "be compressed by none, LZ4 or Zstandard, 0..4", `${compression}`);
  }
  if (tablePosition >= 0 && tablePosition < bytes.position) {
    throw bytes.fault(start, "have its table after its packets", `it at byte ${tablePosition}`);
  }
  return { compression, end: tablePosition < 0 ? bytes.length : tablePosition, streams };
}

function tooLong(bytes: ByteReader, offset: number, length: number): Error {
  return bytes.fault(offset, `hold headers and packets of at most ${MOST_PACKET_BYTES} bytes`, `${length}`);
}

/** What `read` returns; its `RangeError`s become faults of the file at the table. */
function readTable<Result>(bytes: ByteReader, offset: number, name: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw bytes.fault(offset, `hold a table ${name}`, (error as Error).message);
  }
}

/** The streams of events in the XML of the header, by number. */
function listStreams(xml: string): Stream[] {
  const path: { name: string; values: Map<string, string> }[] = [];
  const streams: Stream[] = [];
  for (const [, closes, tag, attributes = "", value = ""] of xml.matchAll(/<(\/?)(node|attr)\b([^>]*)>([^<]*)/g)) {
    if (tag === "attr") {
      if (closes === "") path.at(-1)?.values.set(/\bkey="([^"]*)"/.exec(attributes)?.[1] ?? "", value);
      continue;
    }
    if (closes === "") path.push({ name: /\bname="([^"]*)"/.exec(attributes)?.[1] ?? "", values: new Map() });
    if (closes === "" && !attributes.endsWith("/")) continue;
    const node = path.pop();
    const parent = path.at(-1);
    if (node === undefined || parent === undefined) continue;
    // The size of a stream's sensor stands in its node "info".
    if (node.name === "info") for (const [key, text] of node.values) parent.values.set(`info.${key}`, text);
    if (node.values.get("typeIdentifier") !== "EVTS" || parent.name !== "outInfo") continue;
    const size = (key: string): number | undefined => Number(node.values.get(`info.${key}`)) || undefined;
    streams.push({ id: Number(node.name), height: size("sizeY"), width: size("sizeX") });
  }
  return streams.sort((a, b) => a.id - b.id);
}

/** The bytes of a packet. */
function unpack(packet: Uint8Array, compression: number): Uint8Array {
  if (compression === NONE) return packet;
  return compression <= LZ4_HIGH ? unpackLz4(packet, MOST_PACKET_BYTES) : unpackZstd(packet);
}

function unpackZstd(packet: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  const stream = new Decompress((part) => {
    length += part.length;
    if (length > MOST_PACKET_BYTES) throw new RangeError(`a packet of more than ${MOST_PACKET_BYTES} bytes`);
    parts.push(part);
  });
  stream.push(packet, true);
  return Buffer.concat(parts);
}

/** The events of a packet. */
function decode(packet: Table): Events {
  const bytes = packet.vector(0, EVENT_BYTES);
  const words = words32(bytes);
  const events = allocateEvents(bytes.length / EVENT_BYTES);
  const { t, x, y, p } = events;
  for (let i = 0, k = 0; i < t.length; i++, k += 4) {
    const time = words[k + 1]! * 2 ** 32 + words[k]!;
    const place = words[k + 2]!;
    if (time > Number.MAX_SAFE_INTEGER || (place & 0x8000_8000) !== 0) {
      throw new RangeError(`event ${i} at time ${time}, x ${place & 0xffff}, y ${place >>> 16}`);
    }
    t[i] = time;
    x[i] = place & 0xffff;
    y[i] = place >>> 16;
    p[i] = (words[k + 3]! & 0xff) === 0 ? 0 : 1;
  }
  return events;
}
