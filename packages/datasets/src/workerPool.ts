/** @file A few threads that do the same kind of job. The other side is `serveJobs`. */
import { Worker, workerData } from "node:worker_threads";

/** What a worker thread answers to a job. */
export type Reply<Result> = { readonly result: Result } | { readonly error: unknown };

/** Threads that run one file. Idle threads do not keep the process alive. */
export interface WorkerPool<Job, Result> {
  /**
   * Gives `job` to the next free thread. Jobs start in the order they come.
   *
   * A job whose `signal` is aborted before it has started does not start. The promise rejects with what the job threw,
   * and when a thread dies; from then on every job is refused.
   */
  run(job: Job, signal?: AbortSignal): Promise<Result>;
  /** Stops the threads; jobs that are not done reject. */
  close(): Promise<void>;
}

interface Task<Job, Result> {
  readonly job: Job;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (result: Result) => void;
  readonly reject: (reason: unknown) => void;
}

/** Whether this thread belongs to a pool. */
export const isPoolThread = (workerData as { readonly isPoolThread?: true } | null)?.isPoolThread === true;

/** `size` threads that each run the module at `url`, which calls `serveJobs`; its `workerData` is `data`. */
export function createWorkerPool<Job, Result>(url: URL, size: number, data?: object): WorkerPool<Job, Result> {
  const idle: Worker[] = [];
  const busy = new Map<Worker, Task<Job, Result>>();
  const queue: Task<Job, Result>[] = [];
  let failure: Error | undefined;

  const dispatch = (): void => {
    while (queue.length > 0) {
      const task = queue[0]!;
      if (task.signal?.aborted !== true) {
        const worker = idle.pop();
        if (worker === undefined) return;
        worker.ref();
        busy.set(worker, task);
        worker.postMessage(task.job);
      } else {
        task.reject(task.signal.reason);
      }
      queue.shift();
    }
  };

  const fail = (error: Error): void => {
    failure ??= error;
    for (const { reject } of [...busy.values(), ...queue.splice(0)]) reject(failure);
    busy.clear();
  };

  const workers = Array.from({ length: size }, () => {
    // Without the flags of the program: --input-type, for one, would stop the thread.
    const worker = new Worker(url, { execArgv: [], workerData: { ...data, isPoolThread: true } });
    worker.unref();
    worker.on("message", (reply: Reply<Result>) => {
      const task = busy.get(worker);
      busy.delete(worker);
      worker.unref();
      idle.push(worker);
      if ("error" in reply) task?.reject(reply.error);
      else task?.resolve(reply.result);
      dispatch();
    });
    worker.on("error", (error) => fail(error instanceof Error ? error : new Error(String(error))));
    worker.on("exit", (code) => fail(new Error(`a worker thread must not stop, got exit code ${code}`)));
    return worker;
  });
  idle.push(...workers);

  return {
    run(job, signal) {
      if (failure !== undefined) return Promise.reject(failure);
      return new Promise((resolve, reject) => {
        queue.push({ job, signal, resolve, reject });
        dispatch();
      });
    },
    async close() {
      fail(new Error("the worker threads are closed"));
      await Promise.all(
        workers.map((worker) => {
          // An answer that is on its way would unref the thread, and the process could end before the thread has.
          worker.removeAllListeners("message");
          return worker.terminate();
        }),
      );
    },
  };
}
