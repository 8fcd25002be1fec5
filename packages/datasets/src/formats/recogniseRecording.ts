/** @file Which format a file is of, by its content. */
import { type RecordingFile, readStart } from "./recording.js";
import { type RecordingFormat, recogniseBytes } from "./signatures.js";

/** What {@link recogniseRecording} found. */
export interface RecordingKind {
  /** Name of the format, such as `"AEDAT 2.0"`, or of one that this package does not read, such as `"HDF5"`. */
  readonly format: RecordingFormat | (string & {});
  /** The function of this package that reads it. @defaultValue none reads it */
  readonly reader?: string;
}

/**
 * The format of an event recording, by its content; its name plays no part.
 *
 * AEDAT, DAT, EVT and NPZ files start with a mark. The 40-bit events of ATIS (`.bin` of N-MNIST and N-Caltech101, `.bs2`) have
 * none: a file of whole events, at least 8, whose first 1000 times never decrease, counts as one.
 *
 * @param file path, or the bytes of the whole file
 * @returns the format and the function that reads it; `undefined` when the file is of none that is known
 * @throws RangeError when it is no regular file; Error when it cannot be read
 *
 * @example
 * await recogniseRecording(Buffer.from("#!AER-DAT2.0\r\n")); // { format: "AEDAT 2.0", reader: "readAedat2" }
 * await recogniseRecording(Buffer.from("\x89HDF\r\n\x1a\n", "latin1")); // { format: "HDF5" }
 */
export async function recogniseRecording(file: RecordingFile): Promise<RecordingKind | undefined> {
  const { start, length } = await readStart("recogniseRecording", file);
  const kind = recogniseBytes(start);
  if (kind !== undefined) return { format: kind.format, ...(kind.reader !== undefined && { reader: kind.reader }) };
  return isAtis(start, length) ? { format: "ATIS", reader: "readAtis" } : undefined;
}

function isAtis(start: Uint8Array, length: number): boolean {
  if (length < 40 || length % 5 !== 0) return false;
  for (let at = 0, last = 0; at + 5 <= Math.min(start.length, 5000); at += 5) {
    if (start[at + 1] === 240) {
      last = 0;
      continue;
    }
    const time = ((start[at + 2]! & 0x7f) << 16) | (start[at + 3]! << 8) | start[at + 4]!;
    if (time < last) return false;
    last = time;
  }
  return true;
}
