import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { writeAtomic } from "@sew/files";
import { type Report, report } from "./report.js";

/**
 * Writes a {@link report} to a file, atomically, and creates the folder for it.
 *
 * @throws Error when the file cannot be written; an earlier file is left unchanged
 *
 * @example
 * await writeReport("runs/1/report.html", { title: "7B-Net", sections: [] });
 */
export async function writeReport(file: string, content: Report): Promise<void> {
  const page = report(content);
  await mkdir(dirname(file), { recursive: true });
  await writeAtomic(file, [new TextEncoder().encode(page)], "writeReport");
}
