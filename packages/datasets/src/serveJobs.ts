/** @file The thread's side of `workerPool`. */
import { parentPort, type Transferable } from "node:worker_threads";
import type { Reply } from "./workerPool.js";

/** A job's result, and which of its buffers move to the other thread instead of being copied. */
export interface Served<Result> {
  readonly result: Result;
  readonly transfer?: readonly Transferable[];
}

/** Answers every job that comes to this thread with what `work` returns or throws. */
export function serveJobs<Job, Result>(work: (job: Job) => Served<Result> | Promise<Served<Result>>): void {
  parentPort?.on("message", async (job: Job) => {
    try {
      const { result, transfer = [] } = await work(job);
      reply({ result }, transfer);
    } catch (error) {
      reply({ error }, []);
    }
  });

  function reply(message: Reply<Result>, transfer: readonly Transferable[]): void {
    parentPort?.postMessage(message, transfer);
  }
}
