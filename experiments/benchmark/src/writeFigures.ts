/** @file Figures as a JSON file, and where they are. */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { writeAtomic } from "@sew/files";

/** Writes the rows of a bench behind its machine, settings and date, and prints where. */
export async function writeFigures(file: string, settings: object, rows: readonly object[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const text = `${JSON.stringify({ ...settings, date: new Date().toISOString(), rows }, null, 2)}\n`;
  await writeAtomic(file, [Buffer.from(text)], "bench");
  console.log(`every figure: ${file}`);
}
