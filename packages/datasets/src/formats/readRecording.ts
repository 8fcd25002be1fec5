/** @file Reading recordings of any format that this package knows. */
import type { Events } from "../events.js";
import { aedat2 } from "./readAedat2.js";
import { aedat4 } from "./readAedat4.js";
import { aedat31 } from "./readAedat31.js";
import { atis } from "./readAtis.js";
import { dat } from "./readDat.js";
import { evt2, evt21 } from "./readEvt2.js";
import { evt3 } from "./readEvt3.js";
import { npz } from "./readNpz.js";
import {
  CHUNK_BYTES,
  type EventFormat,
  type RecordingFile,
  type RecordingOptions,
  readFormat,
  streamFormat,
  withBytes,
} from "./recording.js";
import { describeKind, recogniseStart } from "./signatures.js";

const FORMATS: readonly EventFormat[] = [aedat2, aedat31, aedat4, atis, dat, evt2, evt21, evt3, npz];

/**
 * Reads a recording of any format that `recogniseRecording` finds a reader for.
 *
 * Content alone decides, so a damaged file may be taken for events of 40 bits, which have no signature: pass `height`
 * and `width`, or call the format's own reader where it is known.
 *
 * @param file path, or the bytes of the whole file
 * @returns its events, in file order
 * @throws FileFormatError when the file is of no such format, and as the reader of the format; RangeError when it is no
 *   regular file
 *
 * @example
 * const [x, y] = [Uint16Array.of(5, 6), Uint16Array.of(7, 8)];
 * const bytes = encodeAedat31({ t: Float64Array.of(1000, 1200), x, y, p: Uint8Array.of(1, 0) });
 * (await readRecording(bytes)).t; // Float64Array [1000, 1200]
 */
export async function readRecording(file: RecordingFile, options: RecordingOptions = {}): Promise<Events> {
  return readFormat(await formatOf("readRecording", file), file, options);
}

/**
 * The events of a recording in blocks, of any format that {@link readRecording} takes: for recordings whose events do
 * not fit in memory. Memory use is that of some megabytes, whatever the file's length (NPZ is read whole).
 *
 * @param file path, or the bytes of the whole file
 * @returns blocks of at least 1 event, in file order, which the caller may keep
 * @throws as {@link readRecording}, when the block of the fault is reached
 *
 * @example
 * const [x, y] = [Uint16Array.of(5, 6), Uint16Array.of(7, 8)];
 * await writeAedat31("two.aedat", { t: Float64Array.of(1000, 1200), x, y, p: Uint8Array.of(1, 0) });
 * let events = 0;
 * for await (const { t } of streamRecording("two.aedat")) events += t.length;
 * events; // 2
 */
export async function* streamRecording(file: RecordingFile, options: RecordingOptions = {}): AsyncGenerator<Events> {
  yield* streamFormat(await formatOf("streamRecording", file), file, options);
}

/** The format of a file. */
function formatOf(caller: string, file: RecordingFile): Promise<EventFormat> {
  return withBytes(caller, file, async (bytes) => {
    const start = await bytes.take(CHUNK_BYTES);
    const kind = recogniseStart(start, bytes.length);
    const found = FORMATS.find(({ format }) => format === kind?.format);
    if (found !== undefined) return found;
    const { got, remedy } = describeKind(start, kind);
    throw bytes.fault(0, "be a recording in a known format", got, remedy);
  });
}
