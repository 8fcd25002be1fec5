/** @file The firing rates of a run over its epochs. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { EpochRecord } from "@sew/analysis";

/** The epochs of a run, with their firing rates and without their other measures; none where it has no `metrics.jsonl` yet. */
export async function historyOf(run: string): Promise<EpochRecord[]> {
  let text: string;
  try {
    text = await readFile(join(run, "metrics.jsonl"), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const { epoch, learningRate, trainLoss, trainTop1, seconds, samplesPerSecond, firingRates } = JSON.parse(
        line,
      ) as EpochRecord;
      const measured = firingRates && { firingRates };
      return { epoch, learningRate, trainLoss, trainTop1, seconds, samplesPerSecond, ...measured };
    });
}
