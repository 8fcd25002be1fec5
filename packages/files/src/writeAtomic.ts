import { lstat, open, stat } from "node:fs/promises";
import writeFileAtomic from "write-file-atomic";

/**
 * Writes a file atomically: under a temporary name that no other save uses, flushed to the disk, then renamed.
 *
 * A reader sees the old content or the new one, also while several saves to one path overlap and after this process was
 * killed. When writing fails, because the disk is full say, `file` keeps its old content and the temporary file is removed.
 * A killed process leaves its temporary file, `<file>.<number>`.
 *
 * @param chunks written one after another, without a copy that holds them all
 * @param caller opens the messages of errors
 * @throws RangeError when the path is that of a folder, pipe or device; Error that names the file when it cannot be written
 *
 * @example
 * await writeAtomic("note.txt", [new TextEncoder().encode("kept")]);
 */
export async function writeAtomic(file: string, chunks: readonly Uint8Array[], caller = "writeAtomic"): Promise<void> {
  // write-file-atomic writes its data with one call and commits what a full disk took of it, so it receives none: the
  // chunks are written here, each to its end, before the library flushes and renames.
  const write = async (temporary: string): Promise<void> => {
    const handle = await open(temporary, "r+");
    try {
      for (const chunk of chunks) await handle.writeFile(chunk);
    } finally {
      await handle.close();
    }
  };
  await checkWritable(caller, file);
  try {
    await writeFileAtomic(file, Buffer.alloc(0), { tmpfileCreated: write });
  } catch (error) {
    const { message } = error as Error;
    throw new Error(
      `${caller}: ${file} must be writable, got ${message}; make room or choose another folder and run again; ` +
        "an earlier file of this name is unchanged",
      { cause: error },
    );
  }
}

/**
 * Throws unless a path is free or that of a regular file, which {@link writeAtomic} may replace: renaming over a device or a
 * pipe would remove it. Folders of the path may be missing. A symbolic link counts as what it leads to, and stays; one to
 * nothing is refused.
 *
 * @param caller opens the message
 * @throws RangeError when it is something else
 *
 * @example
 * await checkWritable("report", "report.html");
 */
export async function checkWritable(caller: string, file: string): Promise<void> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOTDIR") return lstat(file).catch(() => undefined);
    throw new RangeError(`${caller}: ${file} must be in a folder, got a path through a file; choose another name`);
  });
  if (found === undefined || found.isFile()) return;
  const kind = found.isDirectory() ? "a folder" : found.isSymbolicLink() ? "a link to nothing" : "a device or pipe";
  throw new RangeError(`${caller}: ${file} must be a regular file or new, got ${kind}; choose another name`);
}
