/** @file Files and folders that appear whole or not at all. */
import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join, resolve } from "node:path";

/** What the temporary names for `target` on this machine start with. */
function temporaryPrefix(target: string): string {
  return `${target}.tmp-${hostname().replaceAll(/[^A-Za-z0-9]/g, "")}-`;
}

/** A name beside `target` that says who is writing it. */
function temporaryName(target: string): string {
  return `${temporaryPrefix(target)}${process.pid}-${randomUUID().slice(0, 8)}`;
}

/** Writes `data` under a temporary name and renames it to `path`; whatever fails, nothing else is left there. */
export async function writeFileAtomic(path: string, data: Uint8Array | string): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await writeFile(temporary, data);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Fills a temporary folder beside `path` and renames it to `path`, replacing what was there.
 *
 * When `fill` fails the folder is removed and `path` stays as it was. A folder that a killed process left behind is
 * removed by the next call for the same `path` on the same machine; that of a process still running is not touched.
 */
export async function writeFolderAtomic(path: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const target = resolve(path);
  await mkdir(dirname(target), { recursive: true });
  await removeLeftovers(target);
  const temporary = temporaryName(target);
  try {
    await mkdir(temporary);
    await fill(temporary);
    await rm(target, { recursive: true, force: true });
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
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
