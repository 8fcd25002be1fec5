import { lstat, open, stat } from "node:fs/promises";
import writeFileAtomic from "write-file-atomic";

/**
 * Writes a file atomically: under a temporary name that no other save uses, flushed to the disk, then renamed.
 *
 * A reader sees the old content or the new one, also while several saves to one path overlap and after this process was
 * killed. When writing fails, because the disk is full say, `file` keeps its old content and the temporary file is removed.
 * A killed process leaves its temporary file, `<file>.<number>`. A symbolic link stays: the file that it names is replaced.
 *
 * @param chunks written one after another, without a copy that holds them all
 * @throws RangeError when something other than a regular file has the name, such as a device, which renaming would replace;
 * Error that names the file when it cannot be written
 *
 * @example
 * await writeAtomic("note.txt", [new TextEncoder().encode("kept")]);
 */
export async function writeAtomic(file: string, chunks: readonly Uint8Array[]): Promise<void> {
  const other = await irregular(file);
  if (other !== undefined) {
    throw new RangeError(`writeAtomic: file must be a regular file or new, got ${other}, ${file}; choose another name`);
  }
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
  try {
    await writeFileAtomic(file, Buffer.alloc(0), { tmpfileCreated: write });
  } catch (error) {
    const { message } = error as Error;
    throw new Error(
      `writeAtomic: ${file} must be writable, got ${message}; make room or choose another folder and run again; ` +
        "an earlier file of this name is unchanged",
      { cause: error },
    );
  }
}

/** What has this name, where that is neither a regular file nor nothing. @internal */
export async function irregular(file: string): Promise<string | undefined> {
  const absent = (error: NodeJS.ErrnoException): undefined => {
    if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
  };
  const found = await stat(file).catch(absent);
  if (found?.isFile()) return undefined;
  if (found !== undefined) return found.isDirectory() ? "a folder" : "a device or pipe";
  return (await lstat(file).catch(absent)) === undefined ? undefined : "a symbolic link to nothing";
}
