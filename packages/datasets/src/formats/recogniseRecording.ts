/** @file Which format a file is of, by its content. */
import { CHUNK_BYTES, type RecordingFile, withBytes } from "./recording.js";
import { type RecordingFormat, recogniseStart } from "./signatures.js";

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
 * AEDAT, DAT, EVT and NPZ files start with a signature. The 40-bit events of ATIS (`.bin` of N-MNIST and N-Caltech101,
 * `.bs2`) have none: a file of whole events, at least 8, whose first 1000 times never decrease, counts as one.
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
  return withBytes("recogniseRecording", file, async (bytes) => {
    const kind = recogniseStart(await bytes.take(CHUNK_BYTES), bytes.length);
    return kind && { format: kind.format, ...(kind.reader !== undefined && { reader: kind.reader }) };
  });
}
