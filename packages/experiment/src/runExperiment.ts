/** @file From a command line to an exit code. */
import "@tensorflow/tfjs";
import { dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { checkWritable } from "@sew/files";
import { shown } from "@sew/kernels";
import { countParameters } from "@sew/layers";
import { Diverged } from "@sew/training";
import { ignoreWriteErrors } from "@sew/training/node";
import { CommanderError } from "commander";
import { checkDataOf } from "./checkData.js";
import { type CommandLine, commandLine, comparisonName, type Given, noEffect } from "./commandLine.js";
import { type Compared, compare, stopWithComparison } from "./compare.js";
import { openData } from "./data.js";
import { isExplained, nativePackage, startBackend } from "./environment.js";
import type { ComparedRun, Comparison, Experiment } from "./experiment.js";
import { firingRatesOnly } from "./firingRatesOnly.js";
import { buildModel } from "./model.js";
import { neuronsOf } from "./neuronsOf.js";
import { neuronParameters } from "./optimization.js";
import { inOptions } from "./remedies.js";
import { describedBy, evaluateOnly, NUMBERS, type Numbers, type Run, say, trainRun } from "./run.js";
import { chooseFolder, readConfig } from "./runFolder.js";
import { unusedOnceBuilt } from "./unused.js";
import { writeJson } from "./writeJson.js";

/**
 * Runs an experiment as its command line says. Errors are printed, with their trace where the environment variable `DEBUG`
 * is set.
 *
 * @param argv the arguments. @defaultValue those of the process
 * @returns the exit code: 0 done, 130 stopped by a signal with a checkpoint written, 1 error or problems of `--check-data`, 2 wrong command line
 *
 * @example
 * ```ts no-run
 * import { type Experiment, runExperiment } from "@sew/experiment";
 *
 * declare const stripes: Experiment; // see defineExperiment
 * process.exitCode = await runExperiment(stripes);
 * ```
 */
export async function runExperiment<Own extends object>(
  experiment: Experiment<Own>,
  argv: readonly string[] = process.argv.slice(2),
): Promise<number> {
  ignoreWriteErrors(process.stdout, process.stderr);
  const release = stopWithComparison();
  try {
    const native = await nativePackage();
    const line = commandLine(experiment, native?.precisions ?? ["float32"]);
    const given = line.parse(argv);
    if (given.json !== undefined) await checkWritable("--json", given.json);
    if (given.checkData !== undefined) return await checkDataOf(experiment, line, given);
    const compared = comparedBy(experiment, line, given);
    if (compared !== undefined) return await compare(compared);
    const folder = await chooseFolder(experiment.name, given);
    try {
      return await runIn(folder.path, { experiment, argv, line, given, native });
    } finally {
      await folder.release();
    }
  } catch (error) {
    // Commander has printed its message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const text = isExplained(error) || process.env.DEBUG === undefined ? messageOf(error) : traceOf(error);
    say(`error: ${inOptions(experiment, text)}`);
    return 1;
  } finally {
    release();
  }
}

/** What a command line compares; undefined where it asks for a single run. */
function comparedBy<Own extends object>(
  experiment: Experiment<Own>,
  line: CommandLine<Own>,
  given: Given<Own>,
): Compared<Own> | undefined {
  const { seeds, overwrite = false, out, jobs, json, dataset, block } = given;
  const chosen = comparisonName(experiment, given);
  if (chosen === "none" && seeds === undefined) return undefined;
  const name = chosen === "none" ? `${dataset}-${block}` : chosen;
  const alone: Comparison = { title: `${experiment.name}, several seeds`, runs: [{ name, options: [] }] };
  const comparison = chosen === "none" ? alone : experiment.comparisons![chosen]!;
  return {
    experiment,
    name,
    comparison: { ...comparison, ...(seeds !== undefined && { seeds }) },
    options: line.rest(given),
    ...runsThatDiffer(line, given, comparison.runs),
    out: out ?? join("runs", experiment.name, chosen === "none" ? `${name}-seeds` : `compare-${name}`),
    overwrite,
    jobs,
    json,
  };
}

/**
 * The runs of a comparison that differ, with all their options, and why others are left out. An option for all runs goes to
 * those on which it has an effect; where it has none on any, it is refused.
 */
function runsThatDiffer<Own extends object>(
  line: CommandLine<Own>,
  given: Given<Own>,
  runs: readonly ComparedRun[],
): { readonly runs: readonly ComparedRun[]; readonly leftOut: readonly string[] } {
  const parse = (options: readonly string[]): Given<Own> => line.parse([...options, "--compare", "none"]);
  const kept: { run: ComparedRun; settings: object; unused: ReadonlyMap<string, string> }[] = [];
  const leftOut: string[] = [];
  for (const run of runs) {
    const { name, options: own } = run;
    const { said } = parse(own);
    const unused = line.unused(parse([...line.rest(given), ...own]));
    const needless = [...unused].find(([each]) => said.has(each));
    if (needless !== undefined) {
      leftOut.push(`${name}: ${noEffect(...needless)}`);
      continue;
    }
    const without = Object.fromEntries([...unused.keys()].map((each) => [each, undefined]));
    const options = [...line.rest({ ...given, ...without }), ...own];
    const settings = line.settings(parse(options), "");
    const same = kept.find((other) => isDeepStrictEqual(other.settings, settings));
    if (same !== undefined) leftOut.push(`${name}: it is the same run as ${same.run.name}`);
    else kept.push({ run: { ...run, options }, settings, unused });
  }
  const [first, ...others] = kept;
  if (first === undefined) throw new RangeError(`--compare: one run or more must have an effect, got none: ${leftOut}`);
  line.refuse(given, new Map([...first.unused].filter(([each]) => others.every(({ unused }) => unused.has(each)))));
  return { runs: kept.map(({ run }) => run), leftOut };
}

interface Called<Own extends object> {
  readonly experiment: Experiment<Own>;
  readonly argv: readonly string[];
  readonly line: CommandLine<Own>;
  readonly given: Given<Own>;
  readonly native: Awaited<ReturnType<typeof nativePackage>>;
}

async function runIn<Own extends object>(path: string, called: Called<Own>): Promise<number> {
  const { experiment, argv, line, native } = called;
  const config = await configOf(path, called);
  const given = config === undefined ? called.given : line.parse(argv, config);
  const { resume, overwrite, evaluate = false, firingRates, json } = given;
  const settings = line.settings(given, path);
  if (called.given.out === undefined && !evaluate) say(`${resume ? "continuing the run" : "run folder"}: ${path}`);
  const environment = await startBackend(settings, native, say);
  const data = await openData(experiment, settings);
  try {
    const { train, test } = data.sources;
    const definition = settings.model ?? experiment.model(settings, train);
    const built = buildModel(definition, settings, train, experiment.neurons);
    const steps = train.shape[0] ?? 1;
    line.refuse(called.given, unusedOnceBuilt(settings, { steps, learns: neuronParameters(built.model).size > 0 }));
    say(
      `${settings.dataset}: ${train.count} training and ${test?.count ?? 0} test samples of [${train.shape}]; ` +
        `${built.notation}, ${countParameters(built.model)} parameters; backend ${environment.backend}`,
    );
    const command = [experiment.name, ...argv].join(" ");
    const actions = {
      ...(resume && { resume }),
      ...(overwrite && { overwrite }),
      ...(json !== undefined && { json }),
    };
    const run: Run<Own> = {
      experiment,
      settings,
      actions,
      environment,
      data,
      built,
      neurons: neuronsOf(built.model),
      command,
    };
    const evaluated = (): Promise<Numbers> =>
      firingRates === undefined ? evaluateOnly(run) : firingRatesOnly(run, firingRates);
    const numbers = evaluate ? await evaluated() : await trainRun(run).catch((error) => diverged(run, error));
    if (numbers === undefined) return 130;
    if (json !== undefined) await writeJson("--json", json, numbers);
    if (evaluate) await print(numbers);
    return 0;
  } finally {
    await data.close();
  }
}

/** Writes where a run diverged into its folder and to `--json`, and throws its error. */
async function diverged<Own extends object>({ actions: { json }, ...run }: Run<Own>, error: unknown): Promise<never> {
  if (error instanceof Diverged) {
    const numbers = { ...describedBy(run), diverged: error.message };
    await writeJson("run", join(run.settings.out, NUMBERS), numbers);
    if (json !== undefined) await writeJson("--json", json, numbers);
  }
  throw error;
}

/** Writes numbers on standard output. Throws where that cannot be written, since they would be lost. */
async function print(numbers: Numbers): Promise<void> {
  // JSON leaves these characters as they are.
  const escaped = (character: string): string => `\\u00${character.charCodeAt(0).toString(16)}`;
  const errors: Error[] = [];
  const onError = (error: Error): void => void errors.push(error);
  process.stdout.on("error", onError);
  process.stdout.write(`${JSON.stringify(numbers, null, 2).replace(/[\u007f-\u009f]/g, escaped)}\n`);
  // The error of a write is an event of the next turn.
  await setImmediate();
  process.stdout.off("error", onError);
  if (errors.length === 0) return;
  throw new RangeError(
    `--evaluate: standard output must be writable, got ${errors[0]!.message}; name a file by --json`,
    { cause: errors[0] },
  );
}

/** The `config.json` of the run that is resumed or evaluated. */
async function configOf<Own extends object>(
  path: string,
  { experiment, given: { resume, evaluate, out, weights } }: Called<Own>,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (!(resume || evaluate)) return undefined;
  const folder = evaluate && out === undefined && weights !== undefined ? dirname(weights) : path;
  const config = await readConfig(folder);
  if (config !== undefined && config.experiment !== experiment.name) {
    // The weights of any run may be tried in another network.
    if (weights !== undefined && evaluate) return undefined;
    throw new RangeError(
      `--out: ${folder} must hold a run of ${experiment.name}, got one of ${shown(config.experiment)}; run that experiment, ` +
        "or name another folder",
    );
  }
  if (config === undefined || resume) return config;
  say(`settings of ${folder}/config.json`);
  // The weights that a run began with are not those that it ended with.
  return { ...config, weights: undefined, weightsExcept: undefined };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function traceOf(error: unknown): string {
  return (error instanceof Error && error.stack) || String(error);
}
