import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { inspect } from "node:util";

/**
 * The entries of the folder that an argument `dir` names.
 *
 * @param caller opens the message
 * @throws Error that names the folder when it cannot be read
 */
export async function readFolder(caller: string, dir: string, remedy: string): Promise<Dirent[]> {
  try {
    return await readdir(dir, { withFileTypes: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = { ENOENT: "which does not exist", ENOTDIR: "which is none" }[`${code}`] ?? `which gives ${code}`;
    throw new Error(`${caller}: dir must be a folder, got ${inspect(dir)}, ${reason}; ${remedy}`, { cause: error });
  }
}
