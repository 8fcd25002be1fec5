/** @file Folders that appear atomically: filled under a temporary name, then renamed. */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join, resolve } from "node:path";

/** How {@link writeFolderAtomic} fills a folder, and which folder it may replace. */
export interface FolderPlan {
  /** Writes the files into a new, empty folder. */
  readonly fill: (folder: string) => Promise<void>;
  /**
   * Throws when the folder that exists must stay: it holds files that are not ours. Called before `fill`, and again just
   * before the folder is replaced.
   */
  readonly checkReplaceable: (folder: string) => Promise<void>;
}

/**
 * Fills a temporary folder beside `path` and renames it to `path`, replacing the folder that was there.
 *
 * When `fill` fails, the temporary folder is removed and `path` stays as it was. A temporary folder that a killed process
 * left behind is removed by the next call for the same `path` on the same machine; that of a running process stays.
 */
export async function writeFolderAtomic(path: string, { fill, checkReplaceable }: FolderPlan): Promise<void> {
  const target = resolve(path);
  if (existsSync(target)) await checkReplaceable(target);
  await mkdir(dirname(target), { recursive: true });
  await removeLeftovers(target);
  const temporary = temporaryName(target);
  const replaced = temporaryName(target);
  try {
    await mkdir(temporary);
    await fill(temporary);
    if (existsSync(target)) {
      await checkReplaceable(target);
      await rename(target, replaced);
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    if (existsSync(replaced) && !existsSync(target)) await rename(replaced, target);
    throw error;
  }
  await rm(replaced, { recursive: true, force: true });
}

/** What the temporary names for `target` on this machine start with. */
function temporaryPrefix(target: string): string {
  return `${target}.tmp-${hostname().replaceAll(/[^A-Za-z0-9]/g, "")}-`;
}

/** A new name beside `target` that says which process is writing it. */
function temporaryName(target: string): string {
  return `${temporaryPrefix(target)}${process.pid}-${randomUUID().slice(0, 8)}`;
}

/** Removes the temporary folders for `target` whose process no longer runs on this machine. */
async function removeLeftovers(target: string): Promise<void> {
  const prefix = basename(temporaryPrefix(target));
  for (const name of await readdir(dirname(target))) {
    const match = name.startsWith(prefix) ? /^(\d+)-[0-9a-f]{8}$/.exec(name.slice(prefix.length)) : null;
    if (match !== null && !isRunning(Number(match[1]))) {
      await rm(join(dirname(target), name), { recursive: true, force: true });
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
