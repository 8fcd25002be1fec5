/** @file Figures as a JSON file, and where they are. */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { writeAtomic } from "@sew/files";

/** Writes the figures of a bench of rows, with machine and date, and prints where. */
export async function writeFigures(
  file: string,
  machine: object,
  runs: number,
  rows: readonly object[],
): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const text = `${JSON.stringify({ machine, date: new Date().toISOString(), runs, rows }, null, 2)}\n`;
  await writeAtomic(file, [Buffer.from(text)], "bench");
  console.log(`every figure: ${file}`);
}
