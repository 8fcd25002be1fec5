/** @file Reading regular files, and nothing else. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/**
 * Opens a regular file for reading, or a symbolic link to one.
 *
 * A pipe would make its reader wait for a writer, a device such as `/dev/zero` has no end, and of a folder the system says
 * `EISDIR` without its name: they are refused before anything is read.
 *
 * @param caller opens the message
 * @throws RangeError when it is something other than a regular file; Error that names the file when it cannot be opened
 *
 * @example
 * await writeAtomic("note.txt", [new TextEncoder().encode("kept")]);
 * const handle = await openRegular("reader", "note.txt");
 * (await handle.stat()).size; // 4
 * await handle.close();
 */
export async function openRegular(caller: string, file: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // Opening a socket fails with ENXIO.
    if (code === "ENXIO") throw notRegular(caller, file, "a socket");
    throw Object.assign(new Error(`${caller}: ${file} must be readable, got ${message}`, { cause: error }), { code });
  }
  const status = await handle.stat();
  if (status.isFile()) return handle;
  await handle.close();
  throw notRegular(caller, file, status.isDirectory() ? "a folder" : status.isFIFO() ? "a pipe" : "a device");
}

/**
 * Reads a regular file; see {@link openRegular}.
 *
 * @param atMost the most bytes that it may have. @defaultValue 2^31 - 1
 * @throws RangeError that names the file when it is longer, or none; Error when it cannot be read
 *
 * @example
 * await writeAtomic("note.txt", [new TextEncoder().encode("kept")]);
 * (await readRegular("reader", "note.txt", 10)).toString(); // "kept"
 */
export async function readRegular(caller: string, file: string, atMost = 2 ** 31 - 1): Promise<Buffer<ArrayBuffer>> {
  const handle = await openRegular(caller, file);
  try {
    const { size } = await handle.stat();
    if (size > atMost) throw new RangeError(`${caller}: ${file} must have at most ${atMost} bytes, got ${size}`);
    return (await handle.readFile()) as Buffer<ArrayBuffer>;
  } finally {
    await handle.close();
  }
}

function notRegular(caller: string, file: string, got: string): RangeError {
  return new RangeError(`${caller}: ${file} must be a regular file, got ${got}`);
}
