/** @file Folders that an argument `dir` names, and what is said of those that are none, or lack files. */
import type { Dirent } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { inspect } from "node:util";

/**
 * The entries of a folder.
 *
 * @param caller opens the message
 * @throws Error that names the folder when it cannot be read
 */
export function readFolder(caller: string, dir: string, remedy: string): Promise<Dirent[]> {
  return readdir(dir, { withFileTypes: true }).catch(refuse(caller, dir, remedy));
}

/** Makes a folder and those above it where they are missing; throws as {@link readFolder}. */
export async function makeFolder(caller: string, dir: string, remedy: string): Promise<void> {
  await mkdir(dir, { recursive: true }).catch(refuse(caller, dir, remedy));
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "which does not exist",
  ENOTDIR: "which is none",
  EEXIST: "which is none",
};

function refuse(caller: string, dir: string, remedy: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    const { code = "" } = error;
    const reason = reasons[code] ?? `which gives ${code}`;
    throw new Error(`${caller}: dir must be a folder, got ${inspect(dir)}, ${reason}; ${remedy}`, { cause: error });
  };
}

/** Names as a sentence lists them: the first three, and how many more there are. */
export function listNames(names: readonly string[]): string {
  const more = names.length - 3;
  return `${names.slice(0, 3).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
