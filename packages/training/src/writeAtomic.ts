import { open, rename, rm } from "node:fs/promises";

/**
 * Writes a file whole or not at all: under the name `<file>.tmp`, flushed to the disk, then renamed.
 *
 * Whoever reads `file` meanwhile, or after this process was killed, sees the old content or the new one. What a killed
 * process leaves is overwritten by the next call. When writing fails, the disk being full say, `file` stays as it was.
 */
export async function writeAtomic(file: string, chunks: readonly Uint8Array[]): Promise<void> {
  const temporary = `${file}.tmp`;
  try {
    const handle = await open(temporary, "w");
    try {
      for (const chunk of chunks) await handle.writeFile(chunk);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    const { message } = error as Error;
    throw new Error(
      `writeAtomic: ${file} must be writable, got ${message}; make room or choose another folder and run again; ` +
        "an earlier file of this name is unchanged",
      { cause: error },
    );
  }
}
