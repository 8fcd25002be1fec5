/** @file Runs that belong together: each in a process of its own, continued where they were interrupted, in one report. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { Locked, lock } from "@sew/files";
import { shown } from "@sew/kernels";
import { lastOf, writeComparisonReport } from "./compareReport.js";
import type { ComparedResult, ComparedRun, Comparison, Experiment } from "./experiment.js";
import { NUMBERS, say } from "./run.js";
import { readHistory, readJsonObject, readNumbers } from "./runFiles.js";
import { writeJson } from "./writeJson.js";

/** What is compared. */
export interface Compared<Own extends object> {
  readonly experiment: Experiment<Own>;
  /** The name of one of its comparisons; for one run with several seeds, what to call it. */
  readonly name: string;
  readonly comparison: Comparison;
  /** Options for all runs. */
  readonly options: readonly string[];
  /** The runs to be made, with all their options. */
  readonly runs: readonly ComparedRun[];
  /** Why other runs of the comparison are not made. */
  readonly leftOut: readonly string[];
  readonly out: string;
  readonly overwrite: boolean;
  /** Runs at a time. @defaultValue as many as the cores allow */
  readonly jobs?: number | undefined;
  /** File for the results. @defaultValue none besides that in `out` */
  readonly json?: string | undefined;
}

/** A run of a comparison with one of its seeds. */
interface Planned extends ComparedRun {
  readonly seed: number;
  readonly folder: string;
}

/** Environment variable of a process that makes a run of a comparison. */
const COMPARED = "SEW_COMPARED";

/**
 * Stops this process, with its state saved, when the comparison that has started it ends.
 *
 * @returns a function that ends the watch
 */
export function stopWithComparison(): () => void {
  if (process.env[COMPARED] === undefined || process.channel === undefined) return () => {};
  const stop = (): void => {
    // As a signal does: the run saves behind its step. Before there is a run, nobody listens.
    if (!process.emit("SIGTERM", "SIGTERM")) process.exit(130);
  };
  process.once("disconnect", stop);
  process.channel.unref();
  return () => void process.off("disconnect", stop);
}

/** File in a comparison's folder that says of which runs it is. */
const PLAN = "comparison.json";

/**
 * Makes the runs that are not there yet, and the report of all.
 *
 * @returns the exit code: 130 where a signal stopped it, 1 where a run failed or a claim does not hold, else 0
 */
export async function compare<Own extends object>(compared: Compared<Own>): Promise<number> {
  const { comparison, out } = compared;
  await mkdir(out, { recursive: true });
  const held = await lock(join(out, "comparison.lock"));
  try {
    const planned = await plan(compared);
    const left: Planned[] = [];
    for (const each of planned) if (!(await isDone(each))) left.push(each);
    const { threads } = comparison;
    const jobs =
      compared.jobs ?? (threads === undefined ? 1 : Math.max(1, Math.floor(availableParallelism() / threads)));
    for (const text of compared.leftOut) say(`left out: ${text}`);
    say(`${out}: ${planned.length} runs, ${planned.length - left.length} of them there already; ${jobs} at a time`);
    const { failed, stopped } = await makeAll(left, { jobs, threads });
    if (stopped) {
      say(`stopped; the same command${compared.overwrite ? " without --overwrite" : ""} continues`);
      return 130;
    }
    return await conclude(compared, planned, failed);
  } finally {
    await held.release();
  }
}

/** The runs, once it is known that the folder holds these and no others. */
async function plan<Own extends object>(compared: Compared<Own>): Promise<Planned[]> {
  const { experiment, name, comparison, options, out, overwrite } = compared;
  checkNames(comparison);
  const planned = (comparison.seeds ?? [0]).flatMap((seed) =>
    compared.runs.map((run): Planned => ({ ...run, seed, folder: join(out, `${slugOf(run.name)}-seed-${seed}`) })),
  );
  const file = join(out, PLAN);
  const runs = comparison.runs.map((run) => ({ name: run.name, options: [...run.options] }));
  const made = { experiment: experiment.name, comparison: name, options: [...options], runs };
  if (!overwrite) {
    const remedy = "the same command continues it, --overwrite replaces it, --out names another folder";
    const before = existsSync(file) ? await readJsonObject(file, REMEDY) : undefined;
    const foreign = planned.find(({ folder }) => existsSync(folder));
    if (before === undefined && foreign !== undefined) {
      throw new RangeError(`--out: ${out} must hold a comparison, got ${foreign.folder} without ${PLAN}; ${remedy}`);
    }
    if (before !== undefined && !isDeepStrictEqual(before, made)) {
      throw new RangeError(`--out: ${out} must hold this comparison, got one of other options or runs; ${remedy}`);
    }
  }
  await writeJson("comparison", file, made);
  if (overwrite) {
    for (const { folder } of planned) {
      for (const each of [NUMBERS, "last.safetensors"]) await rm(join(folder, each), { force: true });
    }
  }
  return planned;
}

/** Throws where two runs would have one folder. */
function checkNames({ runs }: Comparison): void {
  const names = new Map<string, string>();
  for (const { name } of runs) {
    const slug = slugOf(name);
    const other = names.get(slug);
    if (slug === "" || other !== undefined) {
      const got = slug === "" ? shown(name) : `${shown(other)} and ${shown(name)}`;
      throw new RangeError(
        `defineExperiment: runs of a comparison must have names that differ in Latin letters and digits, got ${got}`,
      );
    }
    names.set(slug, name);
  }
}

/** A name as a folder can have it. */
function slugOf(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
}

interface Made {
  /** What runs failed with. */
  readonly failed: ReadonlyMap<Planned, string>;
  readonly stopped: boolean;
}

/** Makes runs, some at a time. A signal stops those that run, which save. */
async function makeAll(
  left: readonly Planned[],
  { jobs, threads }: { readonly jobs: number; readonly threads: number | undefined },
): Promise<Made> {
  const queue = [...left];
  const failed = new Map<Planned, string>();
  const running = new Set<(signal: NodeJS.Signals) => void>();
  const seconds: number[] = [];
  let stopped = false;
  const forward = (signal: NodeJS.Signals): void => {
    stopped = true;
    for (const kill of running) kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, forward);
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined && !stopped; next = queue.shift()) {
      const started = performance.now();
      const { code, text } = await makeOne(next, threads, running, () => stopped).catch((error: Error) => ({
        code: 1,
        text: `failed: ${error.message}`,
      }));
      if (code === 130) stopped = true;
      if (stopped) return;
      seconds.push((performance.now() - started) / 1000);
      const ended = seconds.length;
      const mean = seconds.reduce((sum, each) => sum + each, 0) / ended;
      const rest = ((left.length - ended) * mean) / jobs;
      const time =
        ended < left.length
          ? `, about ${rest < 90 ? `${Math.round(rest)} s` : `${Math.round(rest / 60)} min`} left`
          : "";
      const done = code === 0 || (await isDone(next));
      if (!done) failed.set(next, text);
      const result = done ? await resultOf(next) : text;
      say(`${ended}/${left.length}${time}: ${next.name}, seed ${next.seed}: ${result}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: jobs }, work));
  } finally {
    for (const signal of signals) process.off(signal, forward);
  }
  return { failed, stopped };
}

/** Makes one run in a process of its own, or continues it. Its output goes to `log.txt` of its folder. */
async function makeOne(
  planned: Planned,
  threads: number | undefined,
  running: Set<(signal: NodeJS.Signals) => void>,
  stopped: () => boolean,
): Promise<{ readonly code: number | null; readonly text: string }> {
  const { name, options, seed, folder } = planned;
  await mkdir(folder, { recursive: true });
  if (!(await isFree(folder, name, stopped))) return { code: 130, text: "" };
  if (await isDone(planned)) return { code: 0, text: "" };
  const file = join(folder, "log.txt");
  const log = await open(file, "a");
  const { size: from } = await log.stat();
  try {
    const begun = existsSync(join(folder, "last.safetensors"));
    const held = existsSync(join(folder, "metrics.jsonl")) || existsSync(join(folder, "best.safetensors"));
    const argv = [
      ...process.execArgv,
      process.argv[1]!,
      ...[...options, "--compare", "none", "--seed", `${seed}`, "--out", folder],
      ...(begun ? ["--resume"] : held ? ["--overwrite"] : []),
    ];
    const child = spawn(process.execPath, argv, {
      // The channel tells it when this process ends, by a kill too.
      stdio: ["ignore", log.fd, log.fd, "ipc"],
      env: { ...process.env, [COMPARED]: "1", ...(threads !== undefined && { SEW_THREADS: `${threads}` }) },
      // In a group of its own: a terminal sends Ctrl-C to all of a group, and this process passes it on.
      detached: true,
      windowsHide: true,
    });
    const kill = (signal: NodeJS.Signals): void => void child.kill(signal);
    running.add(kill);
    const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    running.delete(kill);
    if (code === 0 && !existsSync(join(folder, NUMBERS))) {
      const remedy = "a program that compares must pass the arguments of its process to runExperiment";
      return { code: 1, text: `failed, see ${file}: it ended without results; ${remedy}` };
    }
    const why = signal === null ? await errorIn(file, from) : `ended by ${signal}`;
    return { code, text: code === 0 ? "" : `failed, see ${file}: ${why}` };
  } finally {
    await log.close();
  }
}

/** Milliseconds between two looks at a folder that another process writes to. */
const PAUSE = 200;

/** Waits until no run writes to a folder, such as one that a killed comparison has left behind; false where it is stopped. */
async function isFree(folder: string, name: string, stopped: () => boolean): Promise<boolean> {
  for (let said = false; !stopped(); said = true) {
    try {
      await (await lock(join(folder, "run.lock"))).release();
      return true;
    } catch (error) {
      if (!(error instanceof Locked)) throw error;
      if (!said) say(`${name}: waiting for ${error.holder}, which writes to ${folder}`);
      await setTimeout(PAUSE);
    }
  }
  return false;
}

/** The last error of a log from a byte on, else its last line. */
async function errorIn(file: string, from: number): Promise<string> {
  const lines = (await readFile(file)).subarray(from).toString().trimEnd().split("\n");
  return lines.findLast((line) => line.startsWith("error: ")) ?? lines.at(-1) ?? "";
}

/** What is advised where a file of a run is damaged. */
const REMEDY = "--overwrite makes the runs anew";

/** Whether a run needs not be made again. */
async function isDone({ folder, mayDiverge = false }: Planned): Promise<boolean> {
  const numbers = await readNumbers(folder, REMEDY);
  return numbers !== undefined && (numbers.diverged === undefined || mayDiverge);
}

/** Where a run diverged; undefined for others. */
async function divergedAt(folder: string): Promise<string | undefined> {
  // Without the remedy.
  return (await readNumbers(folder, REMEDY))?.diverged?.split("; ")[0];
}

/** What must be the same for all seeds of a run: its data, and the arithmetic. */
async function groundsOf(folder: string): Promise<unknown> {
  const { fingerprints, environment } = await readJsonObject(join(folder, "config.json"), REMEDY);
  const { backend, precision, instructionSet } = (environment ?? {}) as Record<string, unknown>;
  return { fingerprints, backend, precision, instructionSet };
}

/** Throws where the seeds of a run differ in more than the seed. */
async function checkGrounds(planned: readonly Planned[], failed: ReadonlyMap<Planned, string>): Promise<void> {
  const first = new Map<string, readonly [folder: string, grounds: unknown]>();
  for (const each of planned) {
    if (failed.has(each)) continue;
    const grounds = await groundsOf(each.folder);
    const before = first.get(each.name);
    if (before === undefined) first.set(each.name, [each.folder, grounds]);
    else if (!isDeepStrictEqual(before[1], grounds)) {
      throw new RangeError(
        `comparison: runs of ${each.name} must have the same data, backend and precision, got others in ${before[0]} and ` +
          `${each.folder}; remove the folder of one of them, and the same command makes it anew`,
      );
    }
  }
}

/** What came of a run in some words. */
async function resultOf({ folder }: Planned): Promise<string> {
  const at = await divergedAt(folder);
  return at === undefined ? lastOf((await readHistory(folder, REMEDY)).at(-1)!) : `diverged, ${at}`;
}

/** The option of a word of a command line, whether it switches it on or off. */
const nameOf = (word: string): string => word.replace(/=.*$/s, "").replace(/^--no-/, "--");

/** Writes the report, and prints what the results show. */
async function conclude<Own extends object>(
  { experiment, comparison, name, options, runs, leftOut, out, json }: Compared<Own>,
  planned: readonly Planned[],
  failed: ReadonlyMap<Planned, string>,
): Promise<number> {
  await checkGrounds(planned, failed);
  const ownNames = new Set(comparison.runs.flatMap((run) => run.options.map(nameOf)));
  const shared = options.filter((word) => !ownNames.has(nameOf(word)));
  const made = comparison.runs.filter((run) => runs.some(({ name }) => name === run.name));
  const results = await Promise.all(
    made.map(async (run): Promise<ComparedResult> => {
      const own = planned.filter((each) => each.name === run.name && !failed.has(each));
      const ended = await Promise.all(
        own.map(async ({ seed, folder }) => ({ seed, folder, text: await divergedAt(folder) })),
      );
      return {
        ...run,
        diverged: ended.flatMap(({ seed, text }) => (text === undefined ? [] : [{ seed, text }])),
        runs: await Promise.all(
          ended
            .filter(({ text }) => text === undefined)
            .map(async ({ seed, folder }) => ({
              seed,
              history: await readHistory(folder, REMEDY),
              measures: (await readNumbers(folder, REMEDY))?.measures ?? {},
            })),
        ),
      };
    }),
  );
  const complete = failed.size === 0;
  const whole = complete && leftOut.length === 0;
  const claims = whole ? (comparison.claims?.(results) ?? []) : [];
  const sections = whole ? await comparison.sections?.(results) : undefined;
  const notes = [
    ...leftOut.map((text) => `left out: ${text}`),
    ...results.flatMap(({ name, diverged }) =>
      diverged.map(({ seed, text }) => `${name}, seed ${seed}: diverged, ${text}`),
    ),
    ...[...failed].map(([{ name, seed }, text]) => `${name}, seed ${seed}: ${text}`),
  ];
  const numbers = { comparison: name, options: shared, claims, notes, results };
  await writeComparisonReport(out, {
    title: comparison.title,
    subtitle: `${experiment.name}: ${name}`,
    settings: { "Options of all runs": { options: shared.join(" ") } },
    results,
    claims,
    notes,
    sections,
    numbers,
  });
  if (json !== undefined) await writeJson("--json", json, numbers);
  for (const { text, holds } of claims) say(`${holds ? "holds" : "DOES NOT HOLD"}: ${text}`);
  if (!complete) say(`${failed.size} of ${planned.length} runs failed; the same command tries them again`);
  say(`report: ${join(out, "report.html")}, ${join(out, "results.md")}`);
  return complete && claims.every(({ holds }) => holds) ? 0 : 1;
}
