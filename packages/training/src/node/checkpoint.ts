/**
 * @file All that a run needs to resume as if it had never stopped, in one safetensors file.
 *
 * One file, because one rename replaces it: there is no moment at which half a checkpoint is on the disk. The model's
 * tensors are under their own names, the optimiser's under `optimizer/`, averages of weights under `average/`, the rest is
 * JSON in the file's metadata.
 */

import { createRequire } from "node:module";
import { inspect, isDeepStrictEqual } from "node:util";
import {
  assignWeights,
  notFinite,
  readSafetensors,
  type TensorValues,
  weightsOf,
  writeSafetensors,
} from "@sew/checkpoints";
import { printable } from "@sew/kernels";
import type { Module } from "@sew/layers";
import { getBackend, version_core } from "@tensorflow/tfjs-core";
import { z } from "zod";
import type { Listener, TrainingState } from "../events.js";
import { Diverged } from "../finite.js";
import type { Optimizer } from "../optimizer.js";
import type { WeightAverage } from "../weightAverage.js";
import { exists } from "./runFolder.js";
import { type SeenData, seenData } from "./seenData.js";
import { SLOW_STEP } from "./stopSignals.js";

/** What a checkpoint holds besides the state of the loop. */
export interface CheckpointParts {
  readonly model: Module;
  readonly optimizer: Optimizer;
  /** @defaultValue none */
  readonly average?: WeightAverage | undefined;
}

/** What must be the same for a run to resume. */
export interface RunSettings {
  readonly seed: number;
  /** The learning rate of each epoch. A run may be made longer or shorter as long as those it has in common agree. */
  readonly rates: readonly number[];
  /** Anything else that JSON holds: texts, finite numbers, booleans, null, arrays and plain objects. */
  readonly settings: Readonly<Record<string, unknown>>;
}

const count = z.int().min(0);
const accuracy = z.number().min(0).max(1).optional();
const loss = z.number().optional();
const perStep = z.array(z.number().min(0).max(1)).optional();
const byName = z.record(z.string(), z.number()).optional();

const stateSchema = z.strictObject({
  epoch: count,
  batch: count,
  step: count,
  sums: z.strictObject({ samples: count, loss: z.number(), correct: count, seconds: z.number(), waited: z.number() }),
  learningRate: z.number().min(0),
  history: z.array(
    z.strictObject({
      epoch: count,
      learningRate: z.number().min(0),
      trainLoss: z.number(),
      trainTop1: z.number().min(0).max(1),
      validationLoss: loss,
      validationTop1: accuracy,
      validationTop5: accuracy,
      validationTop1PerStep: perStep,
      testLoss: loss,
      testTop1: accuracy,
      testTop5: accuracy,
      testTop1PerStep: perStep,
      seconds: z.number(),
      samplesPerSecond: z.number(),
      dataWait: z.number(),
      time: z.number(),
      gradientNorms: byName,
      firingRates: z
        .record(z.string(), z.strictObject({ residual: z.number().optional(), output: z.number() }))
        .optional(),
      timeConstants: byName,
    }),
  ),
  best: count.optional(),
});

const settingsSchema = z.strictObject({
  seed: z.int(),
  rates: z.array(z.number().min(0)),
  settings: z.record(z.string(), z.unknown()),
});

const FORMAT = "sew-checkpoint-3";
const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };

/** What made a file, for its metadata. */
export function versions(): string {
  return JSON.stringify({
    "@sew/training": version,
    "@tensorflow/tfjs-core": version_core,
    node: process.version,
    backend: getBackend(),
  });
}

/**
 * Writes a checkpoint atomically.
 *
 * @throws RangeError when settings are no JSON; Diverged when a value is not finite; Error when the file cannot be written: an earlier one
 * is then unchanged
 */
export async function saveCheckpoint(
  file: string,
  { model, optimizer, average }: CheckpointParts,
  settings: RunSettings,
  state: TrainingState,
  seen: SeenData = {},
): Promise<void> {
  checkJson("train", settings.settings);
  const weights = await weightsOf(model, "train");
  const { step, slots } = await optimizer.state();
  const tensors = new Map<string, TensorValues>(weights);
  const add = (name: string, shape: readonly number[], values: Float32Array): void => {
    const wrong = notFinite(values);
    if (wrong !== undefined) {
      throw new Diverged(
        `train: ${name} must be finite to be saved, got ${wrong}; lower the learning rate and start from an earlier file`,
      );
    }
    tensors.set(name, { shape, values });
  };
  for (const [slot, values] of slots) {
    add(`optimizer/${slot}`, optimizer.variables.get(slot.slice(slot.indexOf("/") + 1))!.shape, values);
  }
  for (const [name, values] of (await average?.state()) ?? []) {
    add(`average/${name}`, weights.get(name)!.shape, values);
  }
  await writeSafetensors(file, tensors, {
    format: FORMAT,
    settings: JSON.stringify(settings),
    state: JSON.stringify(state),
    data: JSON.stringify(seen),
    updates: String(step),
    versions: versions(),
  });
}

/**
 * Loads a checkpoint into a model and its optimiser, and returns where the run is; undefined when there is no such file.
 *
 * @param compare compares the data that the run has seen with those of now. @defaultValue not compared
 * @throws RangeError when the file is damaged, or is of another model or of a run with other settings; nothing is then changed
 */
export async function loadCheckpoint(
  file: string,
  { model, optimizer, average }: CheckpointParts,
  settings: RunSettings,
  compare: (seen: SeenData, file: string) => Promise<void> = async () => {},
): Promise<TrainingState | undefined> {
  if (!(await exists(file))) return undefined;
  checkJson("train", settings.settings);
  const { metadata, tensors } = await readSafetensors(file);
  if (metadata.format !== FORMAT) {
    throw new RangeError(
      `train: ${file} must be a checkpoint of format ${FORMAT}, got ${printable(`${metadata.format}`)}; start without resume`,
    );
  }
  checkSettings(file, parse(file, metadata, "settings", settingsSchema), settings);
  const state = parse(file, metadata, "state", stateSchema) as TrainingState;
  const seen = parse(file, metadata, "data", seenData);
  const step = parse(file, metadata, "updates", count);
  const part = (prefix: string): Map<string, TensorValues> =>
    new Map(
      [...tensors].filter(([name]) => name.startsWith(prefix)).map(([name, own]) => [name.slice(prefix.length), own]),
    );
  const [slots, averages] = [part("optimizer/"), part("average/")];
  for (const [name, { shape }] of [...slots, ...averages]) {
    const own = optimizer.variables.get(name.slice(name.indexOf("/") + 1));
    if (own === undefined || `${own.shape}` === `${shape}`) continue;
    throw new RangeError(
      `train: ${file} must have state of shape [${own.shape}] for ${printable(name)}, got [${shape}]; restore it from a copy`,
    );
  }
  const values = (map: ReadonlyMap<string, TensorValues>): Map<string, Float32Array> =>
    new Map([...map].map(([name, own]) => [name, Float32Array.from(own.values)]));
  await compare(seen, file);
  assignWeights(model, tensors, file, {}, "train");
  optimizer.restore({ step, slots: values(slots) });
  average?.restore(values(averages));
  return state;
}

/** Options of {@link checkpoints}. */
export interface CheckpointOptions extends CheckpointParts {
  readonly file: string;
  readonly settings: RunSettings;
  /** Seconds between two checkpoints inside an epoch; 0 or more. @defaultValue 60 */
  readonly seconds?: number | undefined;
  /** What the run has seen of its data. @defaultValue nothing */
  readonly seen?: (() => SeenData) | undefined;
  /** Called with each state that was saved. @defaultValue none */
  readonly onSave?: ((state: TrainingState) => void) | undefined;
}

/**
 * A listener that writes a checkpoint at the end of each epoch, every so many seconds in between, after each step that takes
 * 10 seconds or more, and when a listener before it has ended the run.
 */
export function checkpoints({ file, settings, seconds = 60, seen, onSave, ...parts }: CheckpointOptions): Listener {
  return async function* (events) {
    let state: TrainingState | undefined;
    let saved: TrainingState | undefined;
    let time = performance.now();
    let resumed = time;
    const save = async (): Promise<void> => {
      if (state === undefined || state === saved) return;
      await saveCheckpoint(file, parts, settings, state, seen?.());
      saved = state;
      time = performance.now();
      onSave?.(state);
    };
    for await (const event of events) {
      const slow = performance.now() - resumed >= SLOW_STEP * 1000;
      ({ state } = event);
      if (event.type === "start") saved = state;
      if (event.type === "epoch") await save();
      yield event;
      const due = event.type === "step" && performance.now() - time >= seconds * 1000;
      if (due || (slow && event.type !== "start")) await save();
      resumed = performance.now();
    }
    await save();
  };
}

function parse<T>(file: string, metadata: Readonly<Record<string, string>>, name: string, schema: z.ZodType<T>): T {
  const refuse = (got: string, cause?: unknown): never => {
    const must = `train: ${file} must have its ${name} as JSON, got ${printable(got)}`;
    throw new RangeError(`${must}; restore it from a copy, or start without resume`, { cause });
  };
  let value: unknown;
  try {
    value = JSON.parse(metadata[name] ?? "");
  } catch (error) {
    return refuse((error as Error).message, error);
  }
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const [{ path, message }] = error.issues as [z.core.$ZodIssue];
  return refuse(path.length === 0 ? message : `${path.join(".")}: ${message}`);
}

/**
 * Throws where a setting would not come back from JSON as it was: what is not written could not be compared.
 *
 * @throws RangeError that names the setting
 */
export function checkJson(caller: string, settings: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined || isJson(value)) continue;
    const shown = printable(inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY }).slice(0, 60));
    throw new RangeError(
      `${caller}: settings must be texts, finite numbers, booleans, null, or plain arrays and objects of these, got ` +
        `${shown} for ${printable(name)}; convert it`,
    );
  }
}

function isJson(value: unknown): boolean {
  try {
    return isDeepStrictEqual(JSON.parse(JSON.stringify(value)), value);
  } catch {
    // A cycle, a bigint, or nothing that JSON has a text for.
    return false;
  }
}

function checkSettings(file: string, saved: RunSettings, now: RunSettings): void {
  const [before, after] = [flat(saved), flat(now)];
  const differences = [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) => !isDeepStrictEqual(before.get(name), after.get(name)))
    .map((name) => `${name} was ${JSON.stringify(before.get(name))} and is ${JSON.stringify(after.get(name))}`);
  const epoch = saved.rates.findIndex((rate, e) => rate !== (now.rates[e] ?? rate));
  if (epoch >= 0) {
    differences.push(`the learning rate of epoch ${epoch} was ${saved.rates[epoch]} and is ${now.rates[epoch]}`);
  }
  if (differences.length > 0) {
    throw new RangeError(
      `train: settings must be those of the run in ${file} to resume it, got others: ${differences.join(", ")}; ` +
        "use the run's, or start a new one in another folder, from its weights if you like",
    );
  }
}

/** By name. */
function flat({ seed, settings }: RunSettings): Map<string, unknown> {
  const { seed: own, ...others } = settings;
  return new Map([...Object.entries(others), ["settings.seed", own], ["seed", seed]]);
}
