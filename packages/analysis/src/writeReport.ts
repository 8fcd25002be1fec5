import { randomUUID } from "node:crypto";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { report } from "./report.js";
import type { ReportData } from "./reportData.js";

/**
 * Writes the {@link report} of a run to a file, whole or not at all, and makes the folder for it.
 *
 * @throws Error when the file cannot be written; an earlier one stays as it was
 *
 * @example
 * await writeReport("runs/1/report.html", { title: "7B-Net" });
 */
export async function writeReport(file: string, data: ReportData): Promise<void> {
  const page = report(data);
  const temporary = `${file}.${process.pid}-${randomUUID().slice(0, 8)}.tmp`;
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(temporary, page);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    const { message } = error as Error;
    throw new Error(`writeReport: file must be writable, got ${message}; make room or choose another folder`, {
      cause: error,
    });
  }
}
