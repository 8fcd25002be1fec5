/** @file The thread that checks samples of a source. */
import { workerData } from "node:worker_threads";
import { checkSourceSample, type SampleFindings } from "./checkSample.js";
import { type ModuleReference, openReference } from "./moduleReference.js";
import { serveJobs } from "./serveJobs.js";
import type { SampleReader } from "./source.js";

/** What a thread needs besides its jobs. */
export interface CheckWorkerData {
  readonly source: ModuleReference;
  readonly shape: readonly number[];
}

const { source, shape } = workerData as CheckWorkerData;
const opened = openReference<SampleReader>(source);
opened.catch(() => {}); // Each job reports it.

serveJobs<readonly number[], readonly SampleFindings[]>(async (indices) => {
  const findings: SampleFindings[] = [];
  for (const index of indices) findings.push(await checkSourceSample(await opened, shape, index));
  return { result: findings };
});
