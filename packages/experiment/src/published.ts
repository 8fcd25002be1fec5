/** @file Curves that others have published. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { EpochMetrics } from "@sew/training";
import { readJsonObject } from "./runFiles.js";

/** A run that others have published. */
export interface Published {
  readonly name: string;
  readonly history: readonly EpochMetrics[];
  /** Where it comes from. */
  readonly note: string;
}

const series = ["trainLoss", "trainTop1", "testLoss", "testTop1"] as const;

/**
 * The runs of a file, or of the files `experiments/<name>/published.json` of some experiments. A file holds `source`, `licence` and
 * `runs`; each run its `name`, for each epoch `trainLoss`, `trainTop1`, and, where they are known, `testLoss`, `testTop1`; and
 * `secondsPerEpoch` on its `machine`.
 *
 * @throws RangeError when there is no such file, or it is another
 */
export async function readPublished(file: string | true, experiments: readonly string[]): Promise<Published[]> {
  if (file !== true) return readFileOf(file);
  const files = experiments
    .map((name) => join("experiments", name, "published.json"))
    .filter((each) => existsSync(each));
  if (files.length === 0) {
    const got = experiments.length === 0 ? "no run" : experiments.join(", ");
    throw new RangeError(
      `--published: runs must be of an experiment with published curves, got ${got}; name a file of them`,
    );
  }
  return (await Promise.all(files.map(readFileOf))).flat();
}

async function readFileOf(file: string): Promise<Published[]> {
  const { source, licence, runs } = await readJsonObject(file, "restore it from a copy");
  const wrong = (got: string): RangeError =>
    new RangeError(`--published: ${file} must hold source, licence and runs with one value for each epoch, got ${got}`);
  if (typeof source !== "string" || typeof licence !== "string" || !Array.isArray(runs)) throw wrong("other fields");
  return runs.map((run: Readonly<Record<string, unknown>>, i) => {
    const { name, secondsPerEpoch, machine } = run;
    if (typeof name !== "string") throw wrong(`no name of run ${i}`);
    const present = series.filter((key) => run[key] !== undefined);
    const columns = present.map((key) => [key, run[key]] as const);
    const epochs = Array.isArray(run.trainLoss) ? run.trainLoss.length : 0;
    for (const [key, values] of columns) {
      if (Array.isArray(values) && values.length === epochs && values.every(Number.isFinite)) continue;
      throw wrong(`other ${key} of ${name}`);
    }
    if (epochs === 0) throw wrong(`no trainLoss of ${name}`);
    const time = secondsPerEpoch === undefined ? "" : `, ${secondsPerEpoch} s per epoch on ${machine}`;
    return {
      name,
      note: `${name}${time}: ${source} Licence: ${licence}.`,
      history: Array.from({ length: epochs }, (_, epoch) => {
        const values = columns.map(([key, all]) => [key, (all as number[])[epoch]]);
        return {
          epoch,
          ...Object.fromEntries(values),
          ...(secondsPerEpoch !== undefined && { seconds: secondsPerEpoch }),
        } as unknown as EpochMetrics;
      }),
    };
  });
}
