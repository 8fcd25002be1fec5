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

function notRegular(caller: string, file: string, got: string): RangeError {
  return new RangeError(`${caller}: ${file} must be a regular file, got ${got}`);
}
