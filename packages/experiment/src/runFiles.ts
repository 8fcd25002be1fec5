/** @file What the folder of a run holds, read again. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { EpochMetrics } from "@sew/training";
import type { Measures } from "./experiment.js";
import { NUMBERS } from "./run.js";

/** A JSON object of a file. The error names the file, and ends with a remedy. */
export async function readJsonObject(file: string, remedy: string): Promise<Record<string, unknown>> {
  let got = "another value";
  try {
    const value: unknown = JSON.parse(await readFile(file, "utf8"));
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    got = (error as Error).message;
  }
  throw damaged(file, got, remedy);
}

/** The metrics of a run's epochs; of older runs without the fields that came later. */
export async function readHistory(folder: string, remedy: string): Promise<EpochMetrics[]> {
  const file = join(folder, "metrics.jsonl");
  try {
    const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as EpochMetrics);
  } catch (error) {
    throw damaged(file, (error as Error).message, remedy);
  }
}

/** The numbers of a run; undefined where it has not ended. */
export async function readNumbers(
  folder: string,
  remedy: string,
): Promise<{ readonly diverged?: string; readonly measures?: Measures } | undefined> {
  const file = join(folder, NUMBERS);
  return existsSync(file) ? await readJsonObject(file, remedy) : undefined;
}

function damaged(file: string, got: string, remedy: string): RangeError {
  return new RangeError(`comparison: ${file} must hold a JSON object, got ${got}; ${remedy}`);
}
