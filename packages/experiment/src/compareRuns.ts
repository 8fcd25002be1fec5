/** @file Runs that are there, in one report: what sets them apart, their curves, their final numbers. */
import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { settingsRows } from "@sew/analysis";
import { shown } from "@sew/kernels";
import type { EpochMetrics } from "@sew/training";
import { closest, distance } from "fastest-levenshtein";
import { type ReportedResult, writeComparisonReport } from "./compareReport.js";
import { checkFolderKind } from "./folderKinds.js";
import { type Published, readPublished } from "./published.js";
import { readHistory, readNumbers } from "./runFiles.js";
import { newFolder, readConfig } from "./runFolder.js";

/** Options of {@link compareRuns}. */
export interface CompareRunsOptions {
  /** Folder of the report, which is made. @defaultValue `runs/compare`, or the first free of `…-2`, `…-3` */
  readonly out?: string | undefined;
  /** Replace the comparison of runs that `out` holds. @defaultValue `false` */
  readonly overwrite?: boolean | undefined;
  /** Heading of the report. @defaultValue `Comparison of n runs`, or `Published curves` where there are none */
  readonly title?: string | undefined;
  /**
   * A file of curves to draw beside the runs', or `true` for `experiments/<name>/published.json` of their experiments.
   * @defaultValue none
   */
  readonly published?: string | true | undefined;
}

/** A run as its folder has it. */
interface FoundRun {
  readonly folder: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly history: readonly EpochMetrics[];
  /** Where it diverged, if it did. */
  readonly diverged?: string | undefined;
  readonly finished: boolean;
}

/** Runs that differ in nothing but their seeds. */
interface Group {
  readonly name: string;
  readonly runs: readonly FoundRun[];
}

const REMEDY = "restore it from a copy, or leave the run out";

/**
 * Writes `report.html`, `results.md` and `results.json` on runs that are there, finished or not: the settings in which they
 * differ and no others, curves on one axis, and tables of the last and the best epoch. Runs that differ in nothing but the seed
 * are one result, with mean and standard deviation.
 *
 * @param folders of runs, or of comparisons, which stand for all of their runs. With `published` there may be none
 * @returns the folder of the report
 * @throws RangeError when a folder holds no run, with the nearest one that does; when `out` holds something else; when a file of
 * a run is damaged
 *
 * @example
 * ```ts no-run
 * import { compareRuns } from "@sew/experiment";
 *
 * await compareRuns(["runs/dvs-gesture/synthetic-sew-add", "runs/dvs-gesture/synthetic-plain"]); // "runs/compare"
 * ```
 */
export async function compareRuns(folders: readonly string[], options: CompareRunsOptions = {}): Promise<string> {
  const found: FoundRun[] = [];
  for (const folder of folders) {
    for (const each of await runsIn(folder)) {
      if (!found.some((other) => resolve(other.folder) === resolve(each))) found.push(await readRun(each));
    }
  }
  const experiments = [...new Set(found.map(({ config }) => `${config.experiment}`))];
  const published = options.published === undefined ? [] : await readPublished(options.published, experiments);
  if (found.length === 0 && published.length === 0) {
    throw new RangeError("compare: RUN must be one folder of a run or more, got none; name some");
  }
  if (options.title?.trim() === "") {
    throw new RangeError(
      `--title: must have characters other than spaces, got ${shown(options.title)}; leave it out for a title by itself`,
    );
  }
  const out = await folderOf(options);
  const groups = grouped(found);
  const title = options.title ?? titleOf(found.length);
  const others = published.flatMap(({ runs }) => runs.map(publishedResult));
  const results = [...groups.map(resultOf), ...others];
  const differences = differencesOf(groups).map((row) => [...row, ...others.map(() => "")]);
  const datasets = [...new Set(found.map(({ config }) => `${config.dataset}`))];
  const notes = [
    ...groups.flatMap(notesOn),
    ...published.flatMap(({ note, dataset, runs }) => [note, ...otherData(dataset, datasets, runs)]),
  ];
  await writeComparisonReport(out, {
    title,
    subtitle: [...new Set(found.map(({ config }) => `${config.experiment} on ${config.dataset}`))].join(", "),
    results,
    notes,
    differences,
    numbers: { runs: found.map(({ folder }) => folder), notes, differences, results },
  });
  return out;
}

function titleOf(runs: number): string {
  return runs === 0 ? "Published curves" : `Comparison of ${runs} ${runs === 1 ? "run" : "runs"}`;
}

/** The folders of the runs that a folder stands for. */
async function runsIn(folder: string): Promise<string[]> {
  if (existsSync(join(folder, "config.json"))) return [folder];
  if (existsSync(join(folder, "comparison.json"))) {
    const names = (await readdir(folder)).sort();
    return names.map((name) => join(folder, name)).filter((each) => existsSync(join(each, "config.json")));
  }
  const near = await nearest(folder);
  const got = `${shown(folder)}, which ${existsSync(folder) ? "has no config.json" : "does not exist"}`;
  throw new RangeError(
    `compare: RUN must be the folder of a run, got ${got}${near === undefined ? "; name one that a run has written" : `; did you mean ${near}?`}`,
  );
}

/** The folder of a run whose path is nearest to one that holds none: beside it, or under `runs`. */
async function nearest(folder: string): Promise<string | undefined> {
  const candidates = new Set<string>();
  const look = async (parent: string, depth: number): Promise<void> => {
    const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (!entry.isDirectory()) continue;
      const path = join(parent, entry.name);
      if (["config.json", "comparison.json"].some((file) => existsSync(join(path, file)))) candidates.add(path);
      else if (depth > 1) await look(path, depth - 1);
    }
  };
  await look(folder, 2);
  await look(dirname(folder), 1);
  await look("runs", 3);
  if (candidates.size === 0) return undefined;
  const near = closest(folder, [...candidates]);
  return distance(folder, near) <= Math.max(folder.length, near.length) * 0.6 ? near : undefined;
}

async function readRun(folder: string): Promise<FoundRun> {
  const config = await readConfig(folder);
  if (typeof config?.experiment !== "string") {
    throw new RangeError(
      `compare: RUN must be the folder of a run, got ${shown(folder)}, whose config.json names no experiment; leave it out`,
    );
  }
  const history = existsSync(join(folder, "metrics.jsonl")) ? await readHistory(folder, REMEDY) : [];
  const numbers = await readNumbers(folder, REMEDY);
  // Without the remedy.
  const diverged = numbers?.diverged?.split("; ")[0];
  // Older runs leave no numbers.
  const finished = diverged === undefined && (numbers !== undefined || history.length >= Number(config.epochs));
  return { folder, config, history, diverged, finished };
}

/** Settings that say where and when a run was made, and not what it is. */
const places = new Set(["out", "cache", "data", "command", "started", "workers"]);

/** What runs of one result have in common. */
function identityOf({ config }: FoundRun): unknown {
  const { environment, versions, seed, ...settings } = config;
  const { backend, precision, instructionSet } = (environment ?? {}) as Record<string, unknown>;
  const own = Object.entries(settings).filter(([name]) => !places.has(name));
  return { ...Object.fromEntries(own), backend, precision, instructionSet };
}

/** Runs by what they are, in the order in which they were named. */
function grouped(found: readonly FoundRun[]): Group[] {
  const groups: { identity: unknown; runs: FoundRun[] }[] = [];
  for (const run of found) {
    const identity = identityOf(run);
    const seed = run.config.seed;
    const same = groups.find(
      (group) => isDeepStrictEqual(group.identity, identity) && group.runs.every(({ config }) => config.seed !== seed),
    );
    if (same === undefined) groups.push({ identity, runs: [run] });
    else same.runs.push(run);
  }
  const names = namesOf(groups.map(({ runs }) => runs[0]!.folder));
  return groups.map(({ runs }, i) => ({ name: names[i]!, runs }));
}

/** Short names of folders: their paths behind what they share, without the seed where that tells nothing. */
function namesOf(folders: readonly string[]): string[] {
  const paths = folders.map((folder) => resolve(folder).split(sep));
  const shared = paths[0]?.findIndex((part, i) => paths.some((path) => path[i] !== part || i === path.length - 1)) ?? 0;
  const whole = paths.map((path) => path.slice(shared).join(" ") || basename(path.join(sep)));
  const short = whole.map((name) => name.replace(/-seed-\d+$/, ""));
  return whole.map((name, i) => (short.filter((other) => other === short[i]).length > 1 ? name : short[i]!));
}

function resultOf({ name, runs }: Group): ReportedResult {
  const { notation } = runs[0]!.config;
  return {
    name,
    ...(typeof notation === "string" && { network: notation }),
    diverged: runs.flatMap(({ config, diverged }) =>
      diverged === undefined ? [] : [{ seed: Number(config.seed), text: diverged }],
    ),
    runs: runs
      .filter(({ diverged }) => diverged === undefined)
      .map(({ config, history }) => ({ seed: Number(config.seed), history })),
  };
}

function publishedResult({ name, history }: Published["runs"][number]): ReportedResult {
  return { name, diverged: [], runs: [{ seed: 0, history }] };
}

/** That published curves are of other data than some runs. */
function otherData(dataset: string, datasets: readonly string[], runs: Published["runs"]): string[] {
  const others = datasets.filter((each) => each !== dataset);
  if (others.length === 0) return [];
  return [
    `${runs.map(({ name }) => name).join("; ")}: of ${dataset}, and not comparable with runs of ${others.join(", ")}`,
  ];
}

/** What a reader must know of runs that have not ended as they should. */
function notesOn({ name, runs }: Group): string[] {
  return runs.flatMap(({ config, history, diverged, finished }) => {
    const which = `${name}, seed ${config.seed}`;
    if (diverged !== undefined) return [`${which}: diverged, ${diverged}`];
    return finished ? [] : [`${which}: unfinished, ${history.length} of ${config.epochs} epochs`];
  });
}

/** The settings in which runs differ, of a result too, with a value for each; of several seeds all values and the folders. */
function differencesOf(groups: readonly Group[]): string[][] {
  const rows = groups.map(({ runs }) =>
    runs.map(({ config }) => {
      const { neurons, ...settings } = config;
      const flat = { ...settings, ...(neurons !== undefined && { neurons: JSON.stringify(neurons) }) };
      return new Map(settingsRows(flat).filter(([name]) => !places.has(name)));
    }),
  );
  const names = [...new Set(rows.flat().flatMap((row) => [...row.keys()]))];
  const differing = names.flatMap((name) => {
    const values = rows.map((runs) => [...new Set(runs.map((row) => written(name, row.get(name))))]);
    const differ = new Set(values.map(String)).size > 1 || values.some(({ length }) => length > 1);
    return differ ? [[name, ...values.map((each) => each.join(", "))]] : [];
  });
  if (groups.every(({ runs }) => runs.length === 1)) return differing;
  return [["folders", ...groups.map(({ runs }) => runs.map(({ folder }) => folder).join(", "))], ...differing];
}

/** A value as a table shows it: of hashes the beginning. */
function written(name: string, value = "–"): string {
  const isHash = name.startsWith("fingerprints.") || name === "commit";
  return isHash && value.length > 12 ? `${value.slice(0, 12)}${value.endsWith("-dirty") ? "-dirty" : ""}` : value;
}

/** The folder of the report, made. */
async function folderOf({ out, overwrite = false }: CompareRunsOptions): Promise<string> {
  if (out === undefined) return (await newFolder(join("runs", "compare"))).path;
  checkFolderKind(out, "report on runs");
  if (!overwrite && existsSync(join(out, "report.html"))) {
    throw new RangeError(
      `--out: ${out} holds a comparison already; --overwrite replaces it, --out names another folder`,
    );
  }
  await mkdir(out, { recursive: true });
  return out;
}
