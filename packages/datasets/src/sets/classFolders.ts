/** @file Data sets with one folder of recordings per class. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Sample } from "../eventDataset.js";
import { listNames } from "../folders.js";

/** Where the recordings of a data set are. */
export interface ClassFolders {
  /** The function that reads the set; opens the messages of errors. */
  readonly caller: string;
  /** The folder that holds the class folders. */
  readonly dir: string;
  /** Names of the class folders, in the order of the labels. */
  readonly folders: readonly string[];
  /** What the names of the recordings end with; other files are ignored. */
  readonly ending: string;
}

/**
 * The samples in the order of class and file name, each named `<folder>/<file without its ending>`. File names are compared
 * as text, as Python's `sorted` does: 0, 1, 10, 2.
 *
 * @throws Error when a class has no folder, or its folder no recording
 */
export async function listClassFolders({ caller, dir, folders, ending }: ClassFolders): Promise<Sample[]> {
  const samples: Sample[] = [];
  const [missing, empty]: [string[], string[]] = [[], []];
  for (const [label, name] of folders.entries()) {
    const folder = join(dir, name);
    const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
      missing.push(folder);
      return undefined;
    });
    if (entries === undefined) continue;
    const files = entries.filter((file) => file.endsWith(ending) && !file.startsWith(".")).sort();
    if (files.length === 0) empty.push(folder);
    for (const file of files) {
      samples.push({ name: `${name}/${file.slice(0, -ending.length)}`, label, files: [join(folder, file)] });
    }
  }
  if (missing.length > 0) {
    throw new Error(`${caller}: dir must hold one folder per class, got no ${listNames(missing)}; unpack it again`);
  }
  if (empty.length > 0) {
    throw new Error(
      `${caller}: dir must hold ${ending} files of each class, got none in ${listNames(empty)}; unpack it again`,
    );
  }
  return samples;
}
