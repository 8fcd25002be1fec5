import { join } from "node:path";
import { writeAtomic } from "@sew/files";
import type { EpochMetrics } from "../metrics.js";

/** Writes a run's `metrics.jsonl` atomically, one line for each epoch. */
export async function writeMetrics(folder: string, history: readonly EpochMetrics[]): Promise<void> {
  const lines = history.map((metrics) => `${JSON.stringify(metrics)}\n`).join("");
  await writeAtomic(join(folder, "metrics.jsonl"), [Buffer.from(lines)]);
}
