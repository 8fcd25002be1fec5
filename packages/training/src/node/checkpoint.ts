/**
 * @file All that a run needs to resume as if it had never stopped, in one safetensors file.
 *
 * One file, because one rename replaces it: there is no moment at which half a checkpoint is on the disk. The model's
 * tensors are under their own names, the optimiser's under `optimizer/`, averages of weights under `average/`, the rest is
 * JSON in the file's metadata.
 */
import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";
import { assignWeights, readSafetensors, type TensorValues, weightsOf, writeSafetensors } from "@sew/checkpoints";
import type { Module } from "@sew/layers";
import { getBackend, version_core } from "@tensorflow/tfjs-core";
import type { Listener, TrainingState } from "../events.js";
import type { Optimizer } from "../optimizer.js";
import type { WeightAverage } from "../weightAverage.js";
import { exists } from "./runFolder.js";

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
  /** Anything else, as JSON. */
  readonly settings: Readonly<Record<string, unknown>>;
}

const FORMAT = "sew-checkpoint-2";
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

/** Writes a checkpoint atomically. */
export async function saveCheckpoint(
  file: string,
  { model, optimizer, average }: CheckpointParts,
  settings: RunSettings,
  state: TrainingState,
): Promise<void> {
  const weights = await weightsOf(model, "train");
  const { step, slots } = await optimizer.state();
  const tensors = new Map<string, TensorValues>(weights);
  for (const [slot, values] of slots) {
    const name = slot.slice(slot.indexOf("/") + 1);
    tensors.set(`optimizer/${slot}`, { shape: optimizer.variables.get(name)!.shape, values });
  }
  for (const [name, values] of (await average?.state()) ?? []) {
    tensors.set(`average/${name}`, { shape: weights.get(name)!.shape, values });
  }
  await writeSafetensors(file, tensors, {
    format: FORMAT,
    settings: JSON.stringify(settings),
    state: JSON.stringify(state),
    updates: String(step),
    versions: versions(),
  });
}

/**
 * Puts a checkpoint into a model and its optimiser and says where the run is; undefined when there is no such file.
 *
 * @throws RangeError when the file is damaged, or is of another model or of a run with other settings
 */
export async function loadCheckpoint(
  file: string,
  { model, optimizer, average }: CheckpointParts,
  settings: RunSettings,
): Promise<TrainingState | undefined> {
  if (!(await exists(file))) return undefined;
  const { metadata, tensors } = await readSafetensors(file);
  if (metadata.format !== FORMAT) {
    throw new RangeError(
      `train: ${file} must be a checkpoint of format ${FORMAT}, got ${metadata.format}; start without resume`,
    );
  }
  checkSettings(file, parse(file, metadata, "settings") as RunSettings, settings);
  const state = parse(file, metadata, "state") as TrainingState;
  assignWeights(model, tensors, file, {}, "train");
  const under = (prefix: string): Map<string, Float32Array> =>
    new Map(
      [...tensors]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, { values }]) => [name.slice(prefix.length), values as Float32Array]),
    );
  optimizer.restore({ step: Number(metadata.updates), slots: under("optimizer/") });
  average?.restore(under("average/"));
  return state;
}

/** Options of {@link checkpoints}. */
export interface CheckpointOptions extends CheckpointParts {
  readonly file: string;
  readonly settings: RunSettings;
  /** Seconds between two checkpoints inside an epoch; 0 or more. @defaultValue 60 */
  readonly seconds?: number | undefined;
}

/**
 * A listener that writes a checkpoint at the end of each epoch, every so many seconds in between, and when a listener
 * before it has ended the run.
 */
export function checkpoints({ file, settings, seconds = 60, ...parts }: CheckpointOptions): Listener {
  return async function* (events) {
    let state: TrainingState | undefined;
    let saved: TrainingState | undefined;
    let time = performance.now();
    const save = async (): Promise<void> => {
      if (state === undefined || state === saved) return;
      await saveCheckpoint(file, parts, settings, state);
      saved = state;
      time = performance.now();
    };
    for await (const event of events) {
      ({ state } = event);
      if (event.type === "start") saved = state;
      if (event.type === "epoch") await save();
      yield event;
      if (event.type === "step" && performance.now() - time >= seconds * 1000) await save();
    }
    await save();
  };
}

function parse(file: string, metadata: Readonly<Record<string, string>>, name: string): unknown {
  try {
    return JSON.parse(metadata[name] ?? "");
  } catch (error) {
    throw new RangeError(
      `train: ${file} must have its ${name} as JSON, got ${(error as Error).message}; start without resume`,
      { cause: error },
    );
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
        "use the run's, or start a new one in another folder",
    );
  }
}

/** As they come back from JSON, by name. */
function flat({ seed, settings }: RunSettings): Map<string, unknown> {
  return new Map(Object.entries(JSON.parse(JSON.stringify({ ...settings, seed })) as Record<string, unknown>));
}
