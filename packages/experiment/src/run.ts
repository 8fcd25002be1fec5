/** @file One run: training, the test of its best weights, its files. */

import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { energy, type Sample } from "@sew/analysis";
import { loadWeights } from "@sew/checkpoints";
import { printable } from "@sew/kernels";
import { countParameters } from "@sew/layers";
import {
  type EpochMeasures,
  type EpochMetrics,
  type Evaluation,
  earlyStopping,
  evaluate,
  type Listener,
} from "@sew/training";
import { consoleProgress, type Progress, train } from "@sew/training/node";
import { aboveChance, guessingBelow } from "./alarms.js";
import type { Actions } from "./commandLine.js";
import type { OpenedData } from "./data.js";
import { type Diagnosis, diagnose, SAMPLES } from "./diagnosis.js";
import { commit, type Environment, nativePackage, versions } from "./environment.js";
import type { Experiment, FinishedRun, Measures } from "./experiment.js";
import type { BuiltModel } from "./model.js";
import type { NeuronKind } from "./neuronsOf.js";
import { lossOf, optimizerOf, scheduleOf } from "./optimization.js";
import { activityOf, OPERATIONS_CSV, predictedSamples, type ReportedRun, writeRunReport } from "./report.js";
import { resumeCommand } from "./resumeCommand.js";
import { readNumbers } from "./runFiles.js";
import type { Settings } from "./settings.js";
import { writeJson } from "./writeJson.js";

/** All that a run is made of. */
export interface Run<Own extends object> {
  readonly experiment: Experiment<Own>;
  readonly settings: Settings & Own;
  readonly actions: Actions;
  readonly environment: Environment;
  readonly data: OpenedData;
  readonly built: BuiltModel;
  /** Of the network before training. */
  readonly neurons: readonly NeuronKind[];
  /** The command, for `config.json`. */
  readonly command: string;
}

/** File in a run's folder with its numbers, once it has ended by itself, or with where it diverged. */
export const NUMBERS = "numbers.json";

/** File in the folder of a run that has ended by itself: its synaptic operations, and their energy in millijoules at fp32. */
const OPERATIONS = "synops.json";

/** The numbers of a run, as `--json` writes them. Losses are means over samples, in nats; accuracies are from 0 to 1. */
export type Numbers = Readonly<Record<string, string | number | Measures | EpochMeasures["firingRates"] | undefined>>;

/** Writes a line on standard error, control characters as escapes. */
export function say(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

const percent = (part: number): string => `${(100 * part).toFixed(2)} %`;

/** Loads `--weights` into the model, and says what was taken and what was not. */
export async function takeWeights<Own extends object>({ built, settings }: Run<Own>): Promise<void> {
  const { weights, weightsExcept } = settings;
  if (weights === undefined) return;
  const { taken, kept, unused } = await loadWeights(built.model, weights, { except: weightsExcept });
  const list = (names: readonly string[]): string => (names.length === 0 ? "none" : names.join(", "));
  say(`${weights}: took ${taken.length} tensors; kept as initialised: ${list(kept)}; unused: ${list(unused)}`);
}

/**
 * Trains, tests the weights of the best epoch, and writes the report.
 *
 * @returns the final numbers; undefined when a signal stopped the run, its checkpoint written
 */
export async function trainRun<Own extends object>(run: Run<Own>): Promise<Numbers | undefined> {
  const { settings, actions, data, built } = run;
  const { out, epochs, seed, accumulate, ema, earlyStopping: patience } = settings;
  const started = performance.now();
  const { resume, overwrite } = actions;
  if (resume !== true) await takeWeights(run);
  const progress = consoleProgress();
  const diagnosis = diagnose(run, progress);
  const origin = await originOf(run);
  const result = await train({
    model: built.model,
    data,
    out,
    epochs,
    seed,
    accumulate,
    learningRate: scheduleOf(settings),
    optimizer: optimizerOf(settings, built.model),
    loss: lossOf(settings),
    averageDecay: ema,
    settings: await identityOf(run),
    resume,
    overwrite,
    progress,
    resumeCommand: resumeCommand(out, actions),
    measure: diagnosis.measure,
    tensorBoard: diagnosis.tensorBoard,
    listeners: [
      ...(patience === undefined ? [] : [earlyStopping({ patience })]),
      diagnosis.listener,
      files(run, diagnosis, origin, progress),
    ],
  });
  if (result.stopped) return undefined;
  const { history, best = history.at(-1)!, bestBy } = result;
  await loadWeights(built.model, join(out, "best.safetensors"));
  const { evaluation, evaluatedOn } = await evaluateRun(run);
  const numbers = {
    ...numbersOf(run, evaluatedOn, evaluation),
    epochs: history.length,
    bestEpoch: best.epoch,
    bestBy,
    lastTop1: history.at(-1)!.testTop1 ?? history.at(-1)!.validationTop1,
    secondsPerEpoch: median(history.map(({ seconds }) => seconds)),
    samplesPerSecond: median(history.map(({ samplesPerSecond }) => samplesPerSecond)),
    seconds: (performance.now() - started) / 1000,
  };
  const finished = finishedRun(run, history, evaluation);
  const measures = await run.experiment.measures?.(finished);
  await finalReport(run, diagnosis, finished, { evaluation, evaluatedOn, origin });
  const how = bestBy === "last" ? "the last one" : `best on ${bestBy} data`;
  const file = join(out, "report.html");
  const accuracy = evaluation === undefined ? "" : `${evaluatedOn} top-1 ${percent(evaluation.top1)} `;
  say(`${accuracy}(epoch ${best.epoch + 1}, ${how}); report: ${file}`);
  const { length: classes } = data.sources.train.classes;
  const guessing = guessingBelow(history, classes);
  if (guessing !== undefined) say(`nothing was learned: ${aboveChance(history.at(-1)!.trainLoss, guessing, classes)}`);
  const all = { ...numbers, ...(measures !== undefined && { measures }) };
  await writeJson("run", join(out, NUMBERS), all);
  return all;
}

/** A run as the experiment's own sections and measures see it. */
function finishedRun<Own extends object>(
  { settings, built: { model, notation }, data: { sources } }: Run<Own>,
  history: readonly EpochMetrics[],
  evaluation: Evaluation | undefined,
): FinishedRun<Own> {
  return { settings, model, notation, sources, history, evaluation };
}

/** Evaluates the weights of a run, or `--weights`, without training. */
export async function evaluateOnly<Own extends object>(run: Run<Own>): Promise<Numbers> {
  const { settings } = run;
  const weights = await takeTrained(run);
  const { evaluation, evaluatedOn } = await evaluateRun(run);
  if (evaluation === undefined) {
    throw new RangeError(`--evaluate: ${settings.dataset} must have test or validation data, got neither`);
  }
  say(`${evaluatedOn} top-1 ${percent(evaluation.top1)} of ${weights}`);
  return { ...numbersOf(run, evaluatedOn, evaluation), weights };
}

/**
 * Loads `--weights`, else the best weights of the run's folder, into the model.
 *
 * @returns the file
 * @throws RangeError when the run has none, because it has finished no epoch
 */
export async function takeTrained<Own extends object>(run: Run<Own>): Promise<string> {
  const { weights, out } = run.settings;
  const file = weights ?? join(out, "best.safetensors");
  if (weights !== undefined) {
    await takeWeights(run);
    return file;
  }
  if (!existsSync(file)) {
    const diverged = (await readNumbers(out, "name weights by --weights"))?.diverged?.split("; ")[0];
    const why = diverged === undefined ? "" : `; it diverged, ${diverged}`;
    throw new RangeError(
      `--evaluate: ${out} must hold a run that has finished an epoch, got no best.safetensors${why}; name weights by --weights`,
    );
  }
  await loadWeights(run.built.model, file);
  return file;
}

interface Evaluated {
  readonly evaluation?: Evaluation | undefined;
  readonly evaluatedOn?: "validation" | "test" | undefined;
}

/** The model on the test data, else on the validation data. */
async function evaluateRun<Own extends object>({ data, built, settings }: Run<Own>): Promise<Evaluated> {
  const evaluatedOn = data.test ? "test" : data.validation && "validation";
  if (evaluatedOn === undefined) return {};
  const evaluation = await evaluate(built.model, data[evaluatedOn]!.epoch(), { loss: lossOf(settings) });
  return { evaluation, evaluatedOn };
}

/** What numbers are of. */
export function describedBy<Own extends object>({
  experiment,
  settings,
  built,
}: Pick<Run<Own>, "experiment" | "settings" | "built">): Numbers {
  return {
    experiment: experiment.name,
    dataset: settings.dataset,
    block: settings.block,
    notation: built.notation,
    parameters: countParameters(built.model),
  };
}

function numbersOf<Own extends object>(
  run: Run<Own>,
  evaluatedOn: string | undefined,
  evaluation: Evaluation | undefined,
): Numbers {
  return {
    ...describedBy(run),
    evaluatedOn,
    samples: evaluation?.samples,
    bestTop1: evaluation?.top1,
    bestTop5: evaluation?.top5,
    bestLoss: evaluation?.loss,
  };
}

/** The settings that must be equal for a run to resume, besides those that `train` compares. */
async function identityOf<Own extends object>(run: Run<Own>): Promise<Record<string, unknown>> {
  const { settings, environment, built } = run;
  const { data, cache, out, backend, precision, workers, epochs, earlyStopping, recompute, preset, ...identity } =
    settings;
  const { seed, accumulate, optimizer, ema, ...own } = identity;
  return { ...own, model: built.notation, ...(await arithmeticOf(environment)) };
}

/** What decides how the native backend rounds. */
async function arithmeticOf({ backend, instructionSet, precision }: Environment): Promise<Record<string, unknown>> {
  const native = backend === "native" ? await nativePackage() : undefined;
  if (native === undefined || instructionSet === undefined) return {};
  const densities = Object.entries(native.breakEvens(instructionSet));
  return {
    precision,
    instructionSet,
    spikeConvolution: native.spikeConvolution(),
    spikeStorage: native.spikeStorage(),
    ...Object.fromEntries(densities.map(([kind, density]) => [`break-even of ${kind}`, density])),
  };
}

/** A listener that writes `config.json` once the run may start, and the report of each epoch once its checkpoint is. */
function files<Own extends object>(run: Run<Own>, diagnosis: Diagnosis, origin: Origin, progress: Progress): Listener {
  const { settings, actions, data } = run;
  const { out } = settings;
  return async function* (events) {
    let best: Evaluated = {};
    let samples: readonly Sample[] = [];
    const write = async (history: readonly EpochMetrics[]): Promise<void> => {
      const { evaluation, evaluatedOn } = best;
      if (samples.length === 0 && evaluation !== undefined) {
        samples = await predictedSamples(data, evaluatedOn!, evaluation);
      }
      await writeRunReport(out, {
        ...reported(run, diagnosis, origin, history),
        ...best,
        samples,
        rates: diagnosis.rates(),
      });
    };
    for await (const event of events) {
      if (event.type === "start") {
        await writeConfig(run, origin);
        for (const file of [NUMBERS, OPERATIONS, OPERATIONS_CSV]) await rm(join(out, file), { force: true });
        if (actions.resume !== true) await rm(join(out, "report.html"), { force: true });
      }
      if (event.type === "tested" && event.best) {
        const evaluatedOn = event.test ? "test" : event.validation && "validation";
        best = { evaluation: event.test ?? event.validation, evaluatedOn };
        samples = [];
      }
      yield event;
      if (event.type === "epoch") {
        await write(event.state.history).catch((error: Error) =>
          progress.message(`warning: no report of epoch ${event.epoch + 1}: ${error.message}`),
        );
      }
    }
  };
}

/** What a run is made from, besides its settings. */
interface Origin {
  readonly command: string;
  readonly commit: string | undefined;
  readonly fingerprints: Readonly<Record<"train" | "validation" | "test", string | undefined>>;
  readonly started: string;
}

async function originOf<Own extends object>({ command, data }: Run<Own>): Promise<Origin> {
  const { train: training, validation, test } = data.sources;
  const { fingerprint } = training;
  return {
    command,
    commit: await commit(),
    fingerprints: { train: fingerprint, validation: validation?.fingerprint, test: test?.fingerprint },
    started: new Date().toISOString(),
  };
}

async function writeConfig<Own extends object>(run: Run<Own>, origin: Origin): Promise<void> {
  const { settings, built, environment } = run;
  await writeJson("config", join(settings.out, "config.json"), {
    experiment: run.experiment.name,
    ...settings,
    notation: built.notation,
    parameters: countParameters(built.model),
    neurons: run.neurons,
    ...origin,
    versions: await versions(),
    environment,
  });
}

function reported<Own extends object>(
  { experiment, settings, data, built, environment }: Run<Own>,
  diagnosis: Diagnosis,
  origin: Origin,
  history: readonly EpochMetrics[],
): ReportedRun {
  const { title, notes = [] } = experiment.datasets[settings.dataset]!;
  return {
    title: `${title}: ${settings.model === undefined ? settings.block : experiment.name}`,
    notation: built.notation,
    notes: [...notes, ...diagnosis.alarms().map(({ epoch, text }) => `Alarm, epoch ${epoch + 1}: ${text}.`)],
    parameters: countParameters(built.model),
    classes: data.sources.train.classes,
    history,
    diagnosed: SAMPLES,
    origin,
    configuration: settings,
    environment,
  };
}

async function finalReport<Own extends object>(
  run: Run<Own>,
  diagnosis: Diagnosis,
  finished: FinishedRun<Own>,
  { evaluation, evaluatedOn, origin }: Evaluated & { readonly origin: Origin },
): Promise<void> {
  const { experiment, settings, data } = run;
  const sections = await experiment.sections?.(finished);
  const activity = await activityOf(finished.model, data.test ?? data.validation ?? data.train);
  if (activity.ops !== undefined) {
    await writeJson("synops", join(settings.out, OPERATIONS), { ...activity.ops, energy: energy(activity.ops) });
  }
  await writeRunReport(settings.out, {
    ...reported(run, diagnosis, origin, finished.history),
    evaluation,
    evaluatedOn,
    ...activity,
    samples: evaluation && (await predictedSamples(data, evaluatedOn!, evaluation)),
    sections: sections ?? [],
  });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}
