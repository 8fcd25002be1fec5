/** @file The thread that a loader's batches are prepared in. */
import { type BatchJob, readBatch } from "./readBatch.js";
import { serveJobs } from "./serveJobs.js";

serveJobs<BatchJob, Float32Array>((job) => {
  const x = readBatch(job);
  return { result: x, transfer: [x.buffer as ArrayBuffer] };
});
