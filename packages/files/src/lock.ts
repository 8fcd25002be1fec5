/** @file Locks between processes that end with the process that holds them, however it ends. */
import { type FileHandle, mkdir, open, readFile, stat, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout } from "node:timers/promises";

/** A lock that is held. */
export interface Lock {
  release(): Promise<void>;
}

/** How {@link lock} waits. */
export interface LockOptions {
  /** Wait until the other holder has released the lock, instead of throwing. @defaultValue `false` */
  readonly wait?: boolean;
  /** Called once, before waiting, with who holds the lock. @defaultValue none */
  readonly onWait?: (holder: string) => void;
}

/** Another process, or another part of this one, holds a lock. */
export class Locked extends Error {
  override readonly name = "Locked";
  constructor(
    readonly file: string,
    /** Who holds it, such as `process 4711 on host a, since 2026-01-31T12:00:00.000Z`. */
    readonly holder: string,
  ) {
    super(`lock: ${file} must be free, got held by ${holder}; wait until that has ended, or end it`);
  }
}

/** Milliseconds between two attempts of a lock that waits. */
const PAUSE = 100;

/**
 * Takes an exclusive lock, by a file that is made for it and removed when it is released.
 *
 * The lock is the operating system's: it ends when it is released or its process ends, by a crash or a kill too, and a
 * step that takes hours does not lose it. It holds between processes of one machine, and on network file systems that
 * support locks. Two calls in one process exclude each other, too.
 *
 * @param file of the lock alone; its folder is made where there is none
 * @throws {@link Locked} when another one holds the lock and `wait` is not set; the system's error when the file cannot be
 * made
 *
 * @example
 * const held = await lock("run.lock");
 * const other = await lock("run.lock").catch(({ name }) => name); // "Locked"
 * await held.release();
 */
export async function lock(file: string, { wait = false, onWait }: LockOptions = {}): Promise<Lock> {
  const take = await tryLock();
  await mkdir(dirname(file), { recursive: true });
  let waited = false;
  for (;;) {
    // Neither "w", which would empty the holder's file, nor "r+", which does not make one.
    const handle = await open(file, "a+");
    try {
      if (take(handle.fd)) {
        // A holder removes its file before it releases the lock: whoever opened that file has locked none that others see.
        if (await isAt(handle, file)) {
          await sign(handle);
          return { release: () => release(handle, file) };
        }
        await handle.close();
        continue;
      }
      const holder = await holderOf(file);
      if (!wait) throw new Locked(file, holder);
      if (!waited) onWait?.(holder);
      waited = true;
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
    await setTimeout(PAUSE);
  }
}

/** Whether an open file is the one that a path leads to. */
async function isAt(handle: FileHandle, file: string): Promise<boolean> {
  const [own, found] = [await handle.stat({ bigint: true }), await stat(file, { bigint: true }).catch(() => undefined)];
  return own.ino === found?.ino && own.dev === found.dev;
}

async function release(handle: FileHandle, file: string): Promise<void> {
  // Windows removes no file that is open; there it stays, and serves the next lock.
  await unlink(file).catch(() => {});
  await handle.close();
}

let warned = false;

/** The system's lock of an open file; where this platform has none, one that is always free, with one warning. */
async function tryLock(): Promise<(descriptor: number) => boolean> {
  try {
    return (await import("fs-native-extensions")).default.tryLock;
  } catch (error) {
    if (!warned) {
      process.emitWarning(
        `lock: files cannot be locked on this platform (${(error as Error).message}); ` +
          "let no two programs write to one folder at a time",
      );
    }
    warned = true;
    return () => true;
  }
}

/** Writes who holds the lock. */
async function sign(handle: FileHandle): Promise<void> {
  await handle.truncate();
  await handle.write(`process ${process.pid} on host ${hostname()}, since ${new Date().toISOString()}\n`);
}

async function holderOf(file: string): Promise<string> {
  // Windows lets no other process read a locked file.
  const text = await readFile(file, "utf8").catch(() => "");
  return /^process \d+ on host [\w.-]+, since [\dTZ:.-]+(?=\n$)/.exec(text)?.[0] ?? "another process";
}
