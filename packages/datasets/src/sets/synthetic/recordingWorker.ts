/** @file The thread that synthetic recordings are made in. */
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeAedat31 } from "../../formats/writeAedat31.js";
import { serveJobs } from "../../serveJobs.js";
import { type RecordingPlan, recordGestures } from "./recordGestures.js";

/** One recording to make. */
export interface RecordingJob extends RecordingPlan {
  /** The folder to write to. */
  readonly folder: string;
  /** The files' name before `.aedat` and `_labels.csv`. */
  readonly trial: string;
}

/** A file that was written. */
export interface WrittenFile {
  readonly name: string;
  readonly bytes: number;
  /** SHA-256 of its bytes, in hexadecimal. */
  readonly sha256: string;
}

serveJobs<RecordingJob, readonly WrittenFile[]>(async ({ folder, trial, ...plan }) => {
  const { events, labels } = recordGestures(plan);
  const rows = labels.map(({ gesture, start, end }) => `${gesture},${start},${end}\n`);
  const files = [
    { name: `${trial}.aedat`, data: encodeAedat31(events, { source: "synthetic DVS128" }) },
    { name: `${trial}_labels.csv`, data: Buffer.from(`class,startTime_usec,endTime_usec\n${rows.join("")}`) },
  ];
  for (const { name, data } of files) await writeFile(join(folder, name), data);
  return {
    result: files.map(({ name, data }) => ({
      name,
      bytes: data.length,
      sha256: createHash("sha256").update(data).digest("hex"),
    })),
  };
});
