import { join } from "node:path";
import { writeAtomic } from "./writeAtomic.js";

/** What an epoch came to. Accuracies are fractions from 0 to 1; losses are means over samples, in nats. */
export interface EpochMetrics {
  /** Counted from 0. */
  readonly epoch: number;
  /** The learning rate. */
  readonly lr: number;
  readonly trainLoss: number;
  readonly trainTop1: number;
  readonly testLoss: number;
  readonly testTop1: number;
  /** Where there are 5 classes or more. */
  readonly testTop5?: number;
  /** How long the epoch took, its test included. */
  readonly seconds: number;
  /** Training samples per second of training. */
  readonly samplesPerSecond: number;
  /** When the epoch ended, in seconds since 1970. */
  readonly time: number;
}

/** Writes a run's `metrics.jsonl`, one line for each epoch, whole or not at all. */
export async function writeMetrics(folder: string, history: readonly EpochMetrics[]): Promise<void> {
  const lines = history.map((metrics) => `${JSON.stringify(metrics)}\n`).join("");
  await writeAtomic(join(folder, "metrics.jsonl"), [Buffer.from(lines)]);
}
