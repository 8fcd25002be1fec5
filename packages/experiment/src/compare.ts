/** @file Runs that belong together: each in a process of its own, continued where they were interrupted, in one report. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { lock } from "@sew/files";
import type { EpochMetrics } from "@sew/training";
import { lastOf, writeComparisonReport } from "./compareReport.js";
import type { ComparedResult, Comparison, Experiment, Measures } from "./experiment.js";
import { say } from "./run.js";
import { writeJson } from "./writeJson.js";

/** What is compared. */
export interface Compared<Own extends object> {
  readonly experiment: Experiment<Own>;
  /** The name of one of its comparisons; for one run with several seeds, what to call it. */
  readonly name: string;
  readonly comparison: Comparison;
  /** Options of all runs. */
  readonly options: readonly string[];
  readonly out: string;
  readonly overwrite: boolean;
  /** Runs at a time. @defaultValue as many as the cores allow */
  readonly jobs?: number | undefined;
  /** File for the results. @defaultValue none besides that in `out` */
  readonly json?: string | undefined;
}

/** A run of a comparison with one of its seeds. */
interface Planned {
  readonly name: string;
  readonly options: readonly string[];
  readonly seed: number;
  readonly folder: string;
}

/** File in a run's folder that is there once it has ended by itself. */
const ENDED = "numbers.json";

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
    const left = planned.filter(({ folder }) => !existsSync(join(folder, ENDED)));
    const { threads } = comparison;
    const jobs =
      compared.jobs ?? (threads === undefined ? 1 : Math.max(1, Math.floor(availableParallelism() / threads)));
    say(`${out}: ${planned.length} runs, ${planned.length - left.length} of them there already; ${jobs} at a time`);
    const { failed, stopped } = await makeAll(left, { jobs, threads });
    if (stopped) {
      say("stopped; the same command continues");
      return 130;
    }
    return await conclude(compared, planned, failed);
  } finally {
    await held.release();
  }
}

/** The runs, once it is known that the folder holds none of another comparison. */
async function plan<Own extends object>(compared: Compared<Own>): Promise<Planned[]> {
  const { experiment, name, comparison, options, out, overwrite } = compared;
  const planned = (comparison.seeds ?? [0]).flatMap((seed) =>
    comparison.runs.map((run): Planned => {
      const folder = join(out, `${slugOf(run.name)}-seed-${seed}`);
      return { ...run, options: [...options, ...run.options], seed, folder };
    }),
  );
  const file = join(out, "comparison.json");
  const made = { experiment: experiment.name, comparison: name, options: [...options] };
  const before = existsSync(file) ? JSON.parse(await readFile(file, "utf8")) : undefined;
  if (overwrite) for (const { folder } of planned) await rm(join(folder, ENDED), { force: true });
  else if (before !== undefined && !isDeepStrictEqual(before, made)) {
    throw new RangeError(
      `--out: ${out} holds the comparison ${before.comparison} with the options ${before.options?.join(" ")}; the same ` +
        "options continue it, --overwrite replaces it, --out names another folder",
    );
  }
  await writeJson("comparison", file, made);
  if (overwrite) for (const { folder } of planned) await rm(join(folder, "last.safetensors"), { force: true });
  return planned;
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
      const { code, text } = await makeOne(next, threads, running);
      if (code === 130) stopped = true;
      if (stopped) return;
      seconds.push((performance.now() - started) / 1000);
      const done = seconds.length;
      const mean = seconds.reduce((sum, each) => sum + each, 0) / done;
      const rest = ((left.length - done) * mean) / jobs;
      const time =
        done < left.length
          ? `, about ${rest < 90 ? `${Math.round(rest)} s` : `${Math.round(rest / 60)} min`} left`
          : "";
      if (code !== 0) failed.set(next, text);
      const result = code === 0 ? await resultOf(next) : text;
      say(`${done}/${left.length}${time}: ${next.name}, seed ${next.seed}: ${result}`);
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
  { options, seed, folder }: Planned,
  threads: number | undefined,
  running: Set<(signal: NodeJS.Signals) => void>,
): Promise<{ readonly code: number | null; readonly text: string }> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, "log.txt");
  const log = await open(file, "a");
  try {
    const begun = existsSync(join(folder, "last.safetensors"));
    const held = existsSync(join(folder, "metrics.jsonl")) || existsSync(join(folder, "best.safetensors"));
    const argv = [
      ...process.execArgv,
      process.argv[1]!,
      ...[...options, "--compare", "none", "--seed", `${seed}`, "--out", folder],
      ...["--json", join(folder, ENDED), ...(begun ? ["--resume"] : held ? ["--overwrite"] : [])],
    ];
    const child = spawn(process.execPath, argv, {
      stdio: ["ignore", log.fd, log.fd],
      env: { ...process.env, ...(threads !== undefined && { SEW_THREADS: `${threads}` }) },
      // In a group of its own: a terminal sends Ctrl-C to all of a group, and this process passes it on.
      detached: true,
      windowsHide: true,
    });
    const kill = (signal: NodeJS.Signals): void => void child.kill(signal);
    running.add(kill);
    const [code] = (await once(child, "close")) as [number | null];
    running.delete(kill);
    return { code, text: code === 0 ? "" : `failed, see ${file}: ${await errorIn(file)}` };
  } finally {
    await log.close();
  }
}

/** The last error of a log, else its last line. */
async function errorIn(file: string): Promise<string> {
  const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
  return lines.findLast((line) => line.startsWith("error: ")) ?? lines.at(-1) ?? "";
}

async function historyOf(folder: string): Promise<EpochMetrics[]> {
  const text = await readFile(join(folder, "metrics.jsonl"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as EpochMetrics);
}

async function measuresOf(folder: string): Promise<Measures> {
  return JSON.parse(await readFile(join(folder, ENDED), "utf8")).measures ?? {};
}

/** The last epoch of a run in some words. */
async function resultOf({ folder }: Planned): Promise<string> {
  return lastOf((await historyOf(folder)).at(-1)!);
}

/** Writes the report, and prints what the results show. */
async function conclude<Own extends object>(
  { experiment, comparison, name, options, out, json }: Compared<Own>,
  planned: readonly Planned[],
  failed: ReadonlyMap<Planned, string>,
): Promise<number> {
  const results = await Promise.all(
    comparison.runs.map(async (run): Promise<ComparedResult> => {
      const own = planned.filter((each) => each.name === run.name && !failed.has(each));
      return {
        ...run,
        runs: await Promise.all(
          own.map(async ({ seed, folder }) => ({
            seed,
            history: await historyOf(folder),
            measures: await measuresOf(folder),
          })),
        ),
      };
    }),
  );
  const complete = failed.size === 0;
  const claims = complete ? (comparison.claims?.(results) ?? []) : [];
  const sections = complete ? await comparison.sections?.(results) : undefined;
  const notes = [...failed].map(([{ name, seed }, text]) => `${name}, seed ${seed}: ${text}`);
  await writeComparisonReport(out, {
    experiment: experiment.name,
    name,
    comparison,
    options,
    results,
    claims,
    notes,
    sections,
  });
  if (json !== undefined) await writeJson("--json", json, { comparison: name, options, claims, results });
  for (const { text, holds } of claims) say(`${holds ? "holds" : "DOES NOT HOLD"}: ${text}`);
  if (!complete) say(`${failed.size} of ${planned.length} runs failed; the same command tries them again`);
  say(`report: ${join(out, "report.html")}, ${join(out, "results.md")}`);
  return complete && claims.every(({ holds }) => holds) ? 0 : 1;
}
