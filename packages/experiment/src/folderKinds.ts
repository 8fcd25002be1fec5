/** @file What a folder holds, by its files: a run, runs that belong together, or a report, none of which replaces another. */
import { existsSync } from "node:fs";
import { join } from "node:path";

/** The files that only one kind of folder has. */
const kinds = {
  run: ["config.json", "last.safetensors", "best.safetensors", "metrics.jsonl"],
  comparison: ["comparison.json"],
  "report on runs": ["results.md"],
  "gradient check": ["check.json"],
  "report on firing rates": ["rates.json"],
} as const;

/** A kind of folder that a command writes. */
export type FolderKind = keyof typeof kinds;

/**
 * Throws where a folder holds something of another kind, which a command must not replace, with `--overwrite` either.
 *
 * @throws RangeError which names the file that tells
 *
 * @example
 * ```ts
 * import { checkFolderKind } from "@sew/experiment";
 *
 * checkFolderKind("runs/none", "gradient check"); // undefined
 * ```
 */
export function checkFolderKind(folder: string, kind: FolderKind): void {
  for (const [other, files] of Object.entries(kinds)) {
    const file = other === kind ? undefined : files.find((name) => existsSync(join(folder, name)));
    if (file === undefined) continue;
    throw new RangeError(`--out: ${folder} must hold no ${other}, got ${file}; name another folder`);
  }
}
