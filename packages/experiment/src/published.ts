/** @file Curves that others have published. */
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { EpochMetrics } from "@sew/training";
import { readJsonObject } from "./runFiles.js";

/** Runs that others have published. */
export interface Published {
  readonly runs: readonly { readonly name: string; readonly history: readonly EpochMetrics[] }[];
  /** Where they come from. */
  readonly note: string;
  /** The data set of its experiment that they were trained on. */
  readonly dataset: string;
}

const series = ["trainLoss", "trainTop1", "testLoss", "testTop1"] as const;

/**
 * The runs of a file, or of the files `experiments/<name>/published.json` of some experiments. A file holds `source`, `dataset`, `licence` and
 * `runs`; each run its `name`, for each epoch `trainLoss`, `trainTop1`, and, where they are known, `testLoss`, `testTop1`; and
 * `secondsPerEpoch` on its `machine`.
 *
 * @throws RangeError when there is no such file, or it is another
 */
export async function readPublished(file: string | true, experiments: readonly string[]): Promise<Published[]> {
  if (file !== true) return [await readFileOf(file)];
  const files = experiments
    .map((name) => join("experiments", name, "published.json"))
    .filter((each) => existsSync(each));
  if (files.length === 0) {
    const got = experiments.length === 0 ? "no run" : experiments.join(", ");
    throw new RangeError(
      `--published: runs must be of an experiment with published curves, got ${got}; name a file of them`,
    );
  }
  return Promise.all(files.map(readFileOf));
}

async function readFileOf(file: string): Promise<Published> {
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) {
    const got = found === undefined ? `${file}, which does not exist` : `the folder ${file}`;
    throw new RangeError(
      `--published: must name a file of curves, got ${got}; put RUN before --published, or write --published=FILE`,
    );
  }
  const { source, dataset, licence, runs } = await readJsonObject(file, "restore it from a copy");
  const wrong = (got: string): RangeError =>
    new RangeError(
      `--published: ${file} must hold source, dataset, licence and runs with one value for each epoch, got ${got}`,
    );
  if (![source, dataset, licence].every((field) => typeof field === "string") || !Array.isArray(runs)) {
    throw wrong("other fields");
  }
  const machines = new Set<string>();
  const read = runs.map((run: Readonly<Record<string, unknown>>, i) => {
    const { name, secondsPerEpoch, machine } = run;
    if (typeof name !== "string") throw wrong(`no name of run ${i}`);
    const columns = series.flatMap((key) => (run[key] === undefined ? [] : [[key, run[key]] as const]));
    const epochs = Array.isArray(run.trainLoss) ? run.trainLoss.length : 0;
    if (epochs === 0) throw wrong(`no trainLoss of ${name}`);
    for (const [key, values] of columns) {
      if (Array.isArray(values) && values.length === epochs && values.every(Number.isFinite)) continue;
      throw wrong(`other ${key} of ${name}`);
    }
    if (secondsPerEpoch !== undefined) machines.add(`${machine}`);
    const history = Array.from({ length: epochs }, (_, epoch) => {
      const values = Object.fromEntries(columns.map(([key, all]) => [key, (all as number[])[epoch]]));
      return { ...values, epoch, ...(secondsPerEpoch !== undefined && { seconds: secondsPerEpoch }) };
    });
    return { name, history: history as unknown as EpochMetrics[] };
  });
  const times = machines.size === 0 ? "" : ` Times are those of ${[...machines].join(", ")}.`;
  return {
    runs: read,
    note: `${source} Data set: ${dataset}. Licence: ${licence}.${times}`,
    dataset: dataset as string,
  };
}
