/** @file Running every case of a folder on the current backend. */
import { readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { type ReferenceKind, referenceCases, referenceKinds } from "./index.js";

/** What became of one case, or of a file that could not be read. */
export interface CaseResult {
  /** Such as `blocks[3] sewBasic ADD, IF, …`, or the file's name. */
  readonly name: string;
  readonly passed: boolean;
  readonly seconds: number;
  /** What differs, or why the case could not be run, a line each. */
  readonly differences: readonly string[];
}

/** What there is in a folder. */
export interface FolderContents {
  /** The kinds of cases that it has. */
  readonly kinds: readonly ReferenceKind[];
  /** Files of cases that it does not have. */
  readonly absent: readonly string[];
  /** Everything else in it. */
  readonly ignored: readonly string[];
}

const fileOf = (kind: ReferenceKind) => `${kind}.json`;

/**
 * Looks for files of cases in a folder.
 *
 * @throws RangeError when it is no folder, or has none
 */
export function findCases(folder: string): FolderContents {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new RangeError(`findCases: folder must be one that exists, got ${folder}`);
  }
  const files = readdirSync(folder).sort();
  const kinds = referenceKinds.filter((kind) => files.includes(fileOf(kind)));
  const wanted = referenceKinds.map(fileOf);
  if (kinds.length === 0) {
    throw new RangeError(`findCases: folder must hold ${wanted.join(", ")} or some of them, got ${folder} without any`);
  }
  return {
    kinds,
    absent: wanted.filter((file) => !files.includes(file)),
    ignored: files.filter((file) => !wanted.includes(file)),
  };
}

function timed(name: string, run: () => string[]): CaseResult {
  const start = performance.now();
  let differences: string[];
  try {
    differences = run();
  } catch (error) {
    // The one case cannot be run; the others can.
    differences = [error instanceof Error ? error.message : String(error)];
  }
  return { name, passed: differences.length === 0, seconds: (performance.now() - start) / 1000, differences };
}

/**
 * Runs the cases of a folder one after another. A file that cannot be read counts as one case that failed.
 *
 * @param filter a text that the names of the cases to run contain, in upper or lower case
 * @throws RangeError when no case has such a name
 */
export function* conformance(folder: string, kinds: readonly ReferenceKind[], filter = ""): Generator<CaseResult> {
  let count = 0;
  for (const kind of kinds) {
    const file = join(folder, fileOf(kind));
    let cases: { name: string; run(): string[] }[];
    try {
      cases = referenceCases(kind, folder).map((c, i) => ({ name: `${kind}[${i}] ${c.name}`, run: () => c.run() }));
    } catch (error) {
      count++;
      yield { name: basename(file), passed: false, seconds: 0, differences: [(error as Error).message] };
      continue;
    }
    for (const { name, run } of cases) {
      if (!name.toLowerCase().includes(filter.toLowerCase())) continue;
      count++;
      yield timed(name, run);
    }
  }
  if (count === 0) {
    const text = filter === "" ? "" : ` whose name contains ${JSON.stringify(filter)}`;
    throw new RangeError(`conformance: folder must hold a case${text}, got ${folder} without any`);
  }
}
