/** @file What the readers of event recordings share: opening a file, its bytes in order, the sensor, truncated files. */
import { openRegular } from "@sew/files";
import { allocateEvents, type Events } from "../events.js";
import { FileFormatError } from "../fileFormatError.js";
import { describeKind, type RecordingFormat, recogniseBytes } from "./signatures.js";

/** A recording: the path of its file, or its bytes in memory. */
export type RecordingFile = string | Uint8Array;

/** Options of every reader of event recordings. */
export interface RecordingOptions {
  /**
   * Rows of the sensor, in pixels; an event with `y >= height` is an error.
   *
   * @defaultValue what the file says; where it says nothing, any row is allowed
   */
  readonly height?: number;
  /**
   * Columns of the sensor, in pixels; an event with `x >= width` is an error.
   *
   * @defaultValue what the file says; where it says nothing, any column is allowed
   */
  readonly width?: number;
  /**
   * How to treat a file that ends within an event, packet or header, such as an interrupted copy: `"refuse"` throws;
   * `"keep"` returns the events before that point and emits a process warning (`TruncatedRecordingWarning`).
   *
   * @defaultValue `"refuse"`
   */
  readonly truncated?: "refuse" | "keep";
}

/** Bytes that are read at a time. */
export const CHUNK_BYTES = 2 ** 20;

/** The bytes of a file in order; see {@link streamFormat}. */
export interface ByteReader {
  /** Length of the file in bytes. */
  readonly length: number;
  /** Offset of the next byte; assign to it to skip, or to go back. */
  position: number;
  /** The sensor within which events must lie; a format whose header tells its size sets what the options left out. */
  readonly sensor: { height: number | undefined; width: number | undefined };
  /** The next `count` bytes, or as many as are left. The array is valid until the next call. */
  take(count: number): Promise<Uint8Array>;
  /** The error of bytes that are not what the format says; without `offset` where the fault is not at one byte. */
  fault(offset: number | undefined, must: string, got: string, remedy?: string): FileFormatError;
  /** The error of a truncated file. */
  truncation(offset: number, must: string, got: string): FileFormatError;
}

/** A format of event recordings: one file of this folder each. */
export interface EventFormat<Options extends RecordingOptions = RecordingOptions> {
  readonly format: RecordingFormat;
  /** The function that reads the format; opens the messages of errors. */
  readonly reader: string;
  /** Yields the events in file order, in blocks of any length that the caller may keep. */
  blocks(bytes: ByteReader, options: Options): AsyncIterable<Events>;
}

const DAMAGED = "the file is damaged: copy or download it again";
const TRUNCATED =
  'the file is truncated: copy or download it again, or pass truncated: "keep" for the events before that point';

/** All events of a recording. */
export async function readFormat<Options extends RecordingOptions>(
  format: EventFormat<Options>,
  file: RecordingFile,
  options: Options,
): Promise<Events> {
  const blocks: Events[] = [];
  for await (const block of streamFormat(format, file, options)) blocks.push(block);
  return concatenate(blocks);
}

/** The events of a recording in blocks, after comparing its first bytes with the format. */
export async function* streamFormat<Options extends RecordingOptions>(
  { format, reader, blocks }: EventFormat<Options>,
  file: RecordingFile,
  options: Options,
): AsyncGenerator<Events> {
  checkOptions(reader, options);
  const { bytes, close } = await openBytes(reader, file, options);
  try {
    await checkFormat(format, bytes);
    let first = 0;
    for await (const block of blocks(bytes, options)) {
      checkSensor(block, first, bytes);
      first += block.t.length;
      if (block.t.length > 0) yield block;
    }
  } catch (error) {
    if (!(error instanceof FileFormatError && error.truncated && options.truncated === "keep")) throw error;
    process.emitWarning(error.message, "TruncatedRecordingWarning");
  } finally {
    await close();
  }
}

/** Opens a file for one call of `use`; `caller` opens the messages of errors. */
export async function withBytes<Result>(
  caller: string,
  file: RecordingFile,
  use: (bytes: ByteReader) => Promise<Result>,
): Promise<Result> {
  const { bytes, close } = await openBytes(caller, file);
  try {
    return await use(bytes);
  } finally {
    await close();
  }
}

/** Opens a regular file, or bytes in memory, for reading in order. */
async function openBytes(
  reader: string,
  source: RecordingFile,
  { height, width }: RecordingOptions = {},
): Promise<{ bytes: ByteReader; close: () => Promise<void> }> {
  const handle = typeof source === "string" ? await openRegular(reader, source) : undefined;
  const file = typeof source === "string" ? source : "the file";
  const length = typeof source === "string" ? (await handle!.stat()).size : source.length;
  let held = typeof source === "string" ? new Uint8Array(0) : source;
  /** Offset in the file of the first held byte, and the number of bytes that are held. */
  let [start, count] = [0, held.length];
  const bytes: ByteReader = {
    length,
    position: 0,
    sensor: { height, width },
    async take(wanted) {
      const { position } = bytes;
      const end = Math.min(length, position + wanted);
      if (handle !== undefined && (position < start || end > start + count)) {
        // A chunk starts at the start of the buffer, so that it can be viewed as words of 32 bits.
        const size = Math.min(length - position, Math.max(wanted, CHUNK_BYTES));
        if (held.length < size) held = new Uint8Array(size);
        [start, count] = [position, 0];
        while (count < size) {
          const { bytesRead } = await handle.read(held, count, size - count, position + count);
          if (bytesRead === 0) throw bytes.fault(undefined, `stay ${length} bytes long`, "its end", "read it again");
          count += bytesRead;
        }
      }
      const taken = held.subarray(position - start, end - start);
      bytes.position += taken.length;
      return taken;
    },
    fault: (offset, must, got, remedy = DAMAGED) =>
      new FileFormatError({ reader, file, must, got, remedy, ...(offset !== undefined && { offset }) }),
    truncation: (offset, must, got) =>
      new FileFormatError({ reader, file, offset, must, got, remedy: TRUNCATED, truncated: true }),
  };
  return { bytes, close: async () => handle?.close() };
}

/** Throws unless the file is of this format, as far as its first bytes tell; names the format that it is of. */
async function checkFormat(format: RecordingFormat, bytes: ByteReader): Promise<void> {
  const start = await bytes.take(CHUNK_BYTES);
  bytes.position = 0;
  const kind = recogniseBytes(start);
  // Events of 40 bits have no signature.
  if (kind?.format === format || (kind === undefined && format === "ATIS")) return;
  const { got, remedy } = describeKind(start, kind);
  throw bytes.fault(0, `be ${format}`, got, remedy);
}

/** Throws when an option that all readers have is out of its range. */
function checkOptions(reader: string, { height, width, truncated }: RecordingOptions): void {
  for (const [name, value] of Object.entries({ height, width })) {
    if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
      throw new RangeError(`${reader}: ${name} must be an integer above 0, got ${value}`);
    }
  }
  if (truncated !== undefined) checkTruncated(reader, truncated);
}

/** Throws when the option is neither of its values; `caller` opens the message. */
export function checkTruncated(caller: string, truncated: NonNullable<RecordingOptions["truncated"]>): void {
  if (truncated === "refuse" || truncated === "keep") return;
  throw new TypeError(
    `${caller}: truncated must be "refuse" or "keep", got ${JSON.stringify(truncated satisfies never)}`,
  );
}

/** Throws when an event lies outside the sensor; `first` is the number of events before the block. */
function checkSensor({ x, y }: Events, first: number, bytes: ByteReader): void {
  const { height, width } = bytes.sensor;
  if (height === undefined && width === undefined) return;
  const [rows, columns] = [height ?? Number.POSITIVE_INFINITY, width ?? Number.POSITIVE_INFINITY];
  for (let i = 0; i < x.length; i++) {
    if (x[i]! < columns && y[i]! < rows) continue;
    const limits = [
      ...(width === undefined ? [] : [`x < ${width}`]),
      ...(height === undefined ? [] : [`y < ${height}`]),
    ];
    throw bytes.fault(
      undefined,
      `hold events with ${limits.join(" and ")}`,
      `event ${first + i} at x ${x[i]}, y ${y[i]}`,
      "it was recorded with another sensor or is damaged",
    );
  }
}

/** One after another. */
function concatenate(blocks: readonly Events[]): Events {
  if (blocks.length === 1) return blocks[0]!;
  const all = allocateEvents(blocks.reduce((sum, { t }) => sum + t.length, 0));
  let at = 0;
  for (const { t, x, y, p } of blocks) {
    all.t.set(t, at);
    all.x.set(x, at);
    all.y.set(y, at);
    all.p.set(p, at);
    at += t.length;
  }
  return all;
}

/** The first `count` events, in arrays of their own length. */
export function firstEvents({ t, x, y, p }: Events, count: number): Events {
  if (count === t.length) return { t, x, y, p };
  return { t: t.slice(0, count), x: x.slice(0, count), y: y.slice(0, count), p: p.slice(0, count) };
}

/**
 * The rest of the file in chunks of whole records of `size` bytes; a truncated last record is an error.
 *
 * @param what a record is called in the error
 */
export async function* records(bytes: ByteReader, size: number, what = "events"): AsyncGenerator<Uint8Array> {
  for (;;) {
    const chunk = await bytes.take(Math.floor(CHUNK_BYTES / size) * size);
    const rest = chunk.length % size;
    if (chunk.length > rest) yield rest === 0 ? chunk : chunk.subarray(0, chunk.length - rest);
    if (rest > 0) throw bytes.truncation(bytes.position - rest, `hold ${what} of ${size} bytes`, `${rest} bytes`);
    if (chunk.length === 0) return;
  }
}

/** Bytes as little-endian words of 32 bits: a view where they are aligned, else a copy. */
export function words32(bytes: Uint8Array): Uint32Array {
  const { buffer, byteOffset, length } = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint32Array(buffer, byteOffset, length >>> 2);
}

/** Bytes as little-endian words of 16 bits: a view where they are aligned, else a copy. */
export function words16(bytes: Uint8Array): Uint16Array {
  const { buffer, byteOffset, length } = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint16Array(buffer, byteOffset, length >>> 1);
}

/** One line of a header. */
export interface HeaderLine {
  /** The line without its end, and without white space there. */
  readonly text: string;
  /** Its first byte. */
  readonly offset: number;
}

/**
 * The lines at the start of the file that start with `prefix`, up to the line `last` where there is one. They end with
 * LF or CRLF. Leaves the position at the first byte after them.
 */
export async function readHeader(bytes: ByteReader, prefix: string, last: string): Promise<HeaderLine[]> {
  const start = await bytes.take(CHUNK_BYTES);
  const lines: HeaderLine[] = [];
  let offset = 0;
  for (let text = ""; text !== last; ) {
    if (!startsWith(start.subarray(offset), prefix)) break;
    const newline = start.indexOf(0x0a, offset);
    if (newline < 0) {
      if (bytes.length > start.length) {
        throw bytes.fault(start.length, `have a header of at most ${CHUNK_BYTES} bytes`, "a longer one");
      }
      throw bytes.truncation(start.length, "end its header with a whole line", "the end of the file");
    }
    text = latin1(start.subarray(offset, newline)).trimEnd();
    lines.push({ text, offset });
    offset = newline + 1;
  }
  bytes.position = offset;
  return lines;
}

/** Whether bytes start with this text. */
export function startsWith(bytes: Uint8Array, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[i] !== text.charCodeAt(i)) return false;
  return true;
}

/** Bytes as text, one character a byte. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** A clock of 32 bits. Where a time is more than 2^31 below the one before it, the clock has wrapped around. */
export interface Clock {
  /** The time last read. */
  last: number;
  /** Microseconds to add for the times it has wrapped around, a multiple of 2^32. */
  base: number;
}
