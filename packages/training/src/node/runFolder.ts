/** @file A run's folder: what is in it, and that no run destroys another. */
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Lock, Locked, lock } from "@sew/files";

/** Options of {@link checkRunFolder}. */
export interface RunFolderOptions {
  /** Whether the run resumes the folder's. @defaultValue `false` */
  readonly resume?: boolean | undefined;
  /** Whether the run replaces the folder's. @defaultValue `false` */
  readonly overwrite?: boolean | undefined;
}

/**
 * Throws when a run must not start in a folder, because it would destroy the results of another. Changes nothing: call it
 * before anything is written there.
 *
 * @throws RangeError when the folder holds a run and neither `resume` nor `overwrite` is set, when both are, or when there
 * are results but no checkpoint to resume
 *
 * @example
 * import { checkRunFolder } from "@sew/training/node";
 *
 * await checkRunFolder("runs/new", { resume: false, overwrite: false });
 */
export async function checkRunFolder(
  folder: string,
  { resume = false, overwrite = false }: RunFolderOptions = {},
  caller = "checkRunFolder",
): Promise<void> {
  if (resume && overwrite) throw new RangeError(`${caller}: resume and overwrite must not both be true, got both`);
  const results: string[] = [];
  for (const name of ["last.safetensors", "best.safetensors", "metrics.jsonl"]) {
    if ((await sizeOf(join(folder, name))) > 0) results.push(name);
  }
  if (overwrite || results.length === 0 || (resume && results[0] === "last.safetensors")) return;
  if (resume) {
    throw new RangeError(
      `${caller}: ${folder} must hold last.safetensors to be resumed, got ${results.join(", ")} alone; restore the ` +
        "checkpoint, or start in another folder",
    );
  }
  throw new RangeError(
    `${caller}: out must be a folder without an earlier run, got ${folder} with ${results.join(", ")}; resume that run, ` +
      "overwrite it, or choose another folder",
  );
}

/**
 * Makes a run's folder and locks it. The lock ends with this process, so that a killed run does not keep anybody from resuming
 * it.
 *
 * @throws RangeError when another run has it; Error when it cannot be written
 */
export async function lockRunFolder(folder: string, caller: string): Promise<Lock> {
  try {
    return await lock(join(folder, "run.lock"));
  } catch (error) {
    if (error instanceof Locked) {
      throw new RangeError(
        `${caller}: out must be a folder that no other run writes to, got ${folder}, which ${error.holder}, has; wait for ` +
          "that run or end it, or choose another folder",
        { cause: error },
      );
    }
    const { message, code } = error as NodeJS.ErrnoException;
    const text = `${caller}: out must be a folder that can be written, got ${folder} with ${message}; choose another folder`;
    throw Object.assign(new Error(text, { cause: error }), { code });
  }
}

/** Removes an earlier run that is not resumed, and what killed processes left half written. */
export async function prepareRunFolder(folder: string, { resume = false }: RunFolderOptions): Promise<void> {
  const files = ["last.safetensors", "best.safetensors", "metrics.jsonl"];
  const stale = (await readdir(folder)).filter((name) =>
    files.some((file) => new RegExp(`^${file}\\.\\d+$`).test(name)),
  );
  for (const name of [...stale, ...(resume ? [] : files)]) await rm(join(folder, name), { force: true });
}

/** Whether there is such a file. */
export async function exists(file: string): Promise<boolean> {
  return (await sizeOf(file)) >= 0;
}

/** Bytes of a file; −1 where there is none. */
async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return -1;
    throw error;
  }
}
