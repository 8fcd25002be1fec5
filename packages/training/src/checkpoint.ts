/**
 * @file All that a run needs to go on as if it had never stopped, in one safetensors file.
 *
 * One file, because one rename replaces it whole: there is no moment at which half a checkpoint is on the disk. The
 * model's tensors are under their own names, what the optimiser keeps under `optimizer/`, the rest is JSON in
 * the file's metadata.
 */
import { stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";
import type { Module } from "@sew/layers";
import { getBackend, version_core } from "@tensorflow/tfjs-core";
import type { EpochMetrics } from "./metrics.js";
import type { Optimizer } from "./optimizer.js";
import { readSafetensors, writeSafetensors } from "./safetensors.js";
import { assignWeights, OPTIMIZER_PREFIX, weightsOf } from "./weights.js";

/** Where a run is. */
export interface RunState {
  /** The epoch under way, and how many of its batches are done. */
  readonly epoch: number;
  readonly batch: number;
  /** Of those batches: loss and correct labels summed over samples, and the time they took. */
  readonly sums: {
    readonly samples: number;
    readonly loss: number;
    readonly correct: number;
    readonly seconds: number;
  };
  readonly history: readonly EpochMetrics[];
}

/** What must be the same for a run to go on. */
export interface RunSettings {
  readonly seed: number;
  /** The learning rate of each epoch. A run may be made longer or shorter as long as those it has in common agree. */
  readonly rates: readonly number[];
  readonly settings: Readonly<Record<string, unknown>>;
}

const FORMAT = "sew-checkpoint-1";
const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

/** What made a file, for its metadata. */
export function versions(): string {
  return JSON.stringify({
    "@sew/training": version,
    "@tensorflow/tfjs-core": version_core,
    node: process.version,
    backend: getBackend(),
  });
}

/** Writes a checkpoint, whole or not at all. */
export async function saveCheckpoint(
  file: string,
  model: Module,
  optimizer: Optimizer,
  settings: RunSettings,
  state: RunState,
): Promise<void> {
  const tensors = await weightsOf("train", model);
  const { iterations, slots } = await optimizer.state();
  for (const [slot, values] of slots) {
    const name = slot.slice(slot.indexOf("/") + 1);
    tensors.set(OPTIMIZER_PREFIX + slot, { shape: optimizer.variables.get(name)!.shape, values });
  }
  await writeSafetensors(file, tensors, {
    format: FORMAT,
    settings: JSON.stringify(settings),
    state: JSON.stringify(state),
    iterations: String(iterations),
    versions: versions(),
  });
}

/**
 * Puts a checkpoint into a model and an optimiser and says where the run is; undefined when there is no such file.
 *
 * @throws RangeError when the file is damaged, or is of another model or of a run with other settings
 */
export async function loadCheckpoint(
  file: string,
  model: Module,
  optimizer: Optimizer,
  settings: RunSettings,
): Promise<RunState | undefined> {
  if (!(await exists(file))) return undefined;
  const content = await readSafetensors(file);
  const { metadata, tensors } = content;
  if (metadata.format !== FORMAT) {
    throw new RangeError(
      `train: ${file} must be a checkpoint of format ${FORMAT}, got ${metadata.format}; start without resume`,
    );
  }
  checkSettings(file, parse(file, metadata, "settings") as RunSettings, settings);
  const state = parse(file, metadata, "state") as RunState;
  assignWeights("train", model, content, file);
  const slots = [...tensors].filter(([name]) => name.startsWith(OPTIMIZER_PREFIX));
  await optimizer.restore({
    iterations: Number(metadata.iterations),
    slots: new Map(slots.map(([name, { values }]) => [name.slice(OPTIMIZER_PREFIX.length), values])),
  });
  return state;
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

/** Whether there is such a file. */
export async function exists(file: string): Promise<boolean> {
  return (
    (await stat(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    })) !== undefined
  );
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
