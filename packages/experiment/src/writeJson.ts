import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { writeAtomic } from "@sew/checkpoints";

/** Throws when a file must not be written because something other than a regular file has its name. */
export async function checkReplaceable(option: string, file: string): Promise<void> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined || found.isFile()) return;
  const kind = found.isDirectory() ? "a folder" : "a device or pipe";
  throw new RangeError(`${option}: file must be a regular file or new, got ${kind}, ${file}; choose another name`);
}

/** Writes a value as JSON, atomically, and makes the folder for it. */
export async function writeJson(file: string, value: unknown): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeAtomic(file, [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)]);
}
