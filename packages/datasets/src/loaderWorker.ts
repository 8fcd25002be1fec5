/** @file The thread that prepares a loader's batches. */
import { workerData } from "node:worker_threads";
import { type ModuleReference, openReference } from "./moduleReference.js";
import { type BatchJob, type BatchPlan, prepareBatch } from "./prepareBatch.js";
import { serveJobs } from "./serveJobs.js";
import type { SampleReader } from "./source.js";
import type { Transform } from "./transforms/transform.js";

/** What a thread needs besides its jobs. */
export interface LoaderWorkerData extends BatchPlan {
  /** Left out where the calling thread reads the source. */
  readonly source?: ModuleReference;
  readonly transforms: readonly ModuleReference[];
}

const { source, transforms, ...plan } = workerData as LoaderWorkerData;

const unread: SampleReader = {
  read: () => Promise.reject(new Error("createLoader: the source must be read in the calling thread")),
};
const opened = Promise.all([
  source === undefined ? unread : openReference<SampleReader>(source),
  Promise.all(transforms.map((reference) => openReference<Transform>(reference))),
]);
opened.catch(() => {}); // Each job reports it.

serveJobs<BatchJob, Float32Array>(async (job) => {
  const x = await prepareBatch(...(await opened), plan, job);
  return { result: x, transfer: [x.buffer as ArrayBuffer] };
});
