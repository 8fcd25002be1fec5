/** @file The folder of a run: which one it is, and that no run replaces another by mistake. */
import { mkdir, readdir, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readRegular } from "@sew/files";
import { checkRunFolder } from "@sew/training/node";
import type { Actions } from "./commandLine.js";
import { checkFolderKind } from "./folderKinds.js";
import type { Settings } from "./settings.js";

/** The folder of a run. */
export interface RunFolder {
  readonly path: string;
  /** Removes the folder again if the kit made it and nothing was written into it. */
  release(): Promise<void>;
}

/**
 * The folder of a run. Without `--out` it is a new one, `runs/<experiment>/<dataset>-<block>` or the first free of `…-2`,
 * `…-3`; with `resume`, `evaluate` or `overwrite` the newest of these. Changes nothing in an existing folder.
 *
 * @throws RangeError when the folder holds a run that would be replaced, or there is none to resume or evaluate
 */
export async function chooseFolder(
  experiment: string,
  given: Pick<Settings, "dataset" | "block" | "weights"> & Actions,
): Promise<RunFolder> {
  const { dataset, block, weights, out, resume = false, overwrite = false, evaluate = false } = given;
  const base = join("runs", experiment, `${dataset}-${block}`);
  if (out === undefined && !(resume || overwrite || evaluate)) return newFolder(base);
  const last = await newest(base);
  const path = out ?? nameOf(base, Math.max(1, last));
  if (out === undefined && last === 0 && (resume || (evaluate && weights === undefined))) {
    throw new RangeError(
      `${experiment}: no run ${base} to ${resume ? "resume" : "evaluate"}; name its folder by --out`,
    );
  }
  if (!(evaluate || resume)) checkFolderKind(path, "run");
  if (!evaluate) await checkFolder(path, { resume, overwrite });
  return { path, release: async () => {} };
}

async function checkFolder(path: string, actions: { resume: boolean; overwrite: boolean }): Promise<void> {
  try {
    await checkRunFolder(path, actions);
  } catch (error) {
    if (!(error instanceof RangeError) || actions.resume) throw error;
    throw new RangeError(
      `--out: ${path} holds a run already; --resume continues it, --overwrite replaces it, --out names another folder`,
      { cause: error },
    );
  }
}

/** A new folder, `base` or the first free of `…-2`, `…-3`. Making it reserves its name, so that two runs that start together have two folders. */
export async function newFolder(base: string): Promise<RunFolder> {
  await mkdir(dirname(base), { recursive: true });
  for (let n = (await newest(base)) + 1; ; n++) {
    const path = nameOf(base, n);
    try {
      await mkdir(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") continue;
      throw error;
    }
    // A folder with files in it stays.
    return { path, release: () => rmdir(path).catch(() => {}) };
  }
}

function nameOf(base: string, n: number): string {
  return n === 1 ? base : `${base}-${n}`;
}

/** The highest number of the folders of this name; 0 where there is none. */
async function newest(base: string): Promise<number> {
  const parent = dirname(base);
  const names = await readdir(parent).catch(() => []);
  const numbers = names.flatMap((name) => {
    if (join(parent, name) === base) return [1];
    const [, number] = /-(\d+)$/.exec(name) ?? [];
    return number !== undefined && join(parent, name) === nameOf(base, Number(number)) ? [Number(number)] : [];
  });
  return Math.max(0, ...numbers);
}

/** Bytes of the largest `config.json`. */
const MAX_CONFIG = 2 ** 24;

/** The `config.json` of a run's folder; undefined where there is none. */
export async function readConfig(folder: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const file = join(folder, "config.json");
  try {
    const text = (await readRegular("config", file, MAX_CONFIG)).toString();
    // Some editors put a byte order mark before it.
    const config: unknown = JSON.parse(text.replace(/^\ufeff/, ""));
    if (typeof config === "object" && config !== null) return config as Readonly<Record<string, unknown>>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new RangeError(`config: ${file} must hold a JSON object, got something else; restore it, or remove it`);
}
