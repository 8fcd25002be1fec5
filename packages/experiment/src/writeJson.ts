import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { writeAtomic } from "@sew/files";

/** Writes a value as JSON, atomically, and makes the folder for it. */
export async function writeJson(caller: string, file: string, value: unknown): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeAtomic(file, [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)], caller);
}
