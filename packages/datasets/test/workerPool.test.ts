import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { createWorkerPool } from "../src/workerPool.js";

/** A worker that doubles numbers, refuses negative ones, dies of 13, and never answers 0. */
const doubler = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from "node:worker_threads";
    parentPort.on("message", (job) => {
      if (job === 13) process.exit(3);
      if (job === 14) setTimeout(() => { throw new TypeError("uncaught"); });
      else if (job < 0) parentPort.postMessage({ error: new RangeError("negative") });
      else if (job > 0) parentPort.postMessage({ result: 2 * job });
    });`)}`,
);

describe("createWorkerPool", () => {
  it("answers every job, more of them than threads", async () => {
    const pool = createWorkerPool<number, number>(doubler, 2);
    const jobs = Array.from({ length: 11 }, (_, i) => 20 + i);
    expect(await Promise.all(jobs.map((job) => pool.run(job)))).toEqual(jobs.map((job) => 2 * job));
    await pool.close();
  });

  it("passes on what a job throws, and goes on", async () => {
    const pool = createWorkerPool<number, number>(doubler, 1);
    await expect(pool.run(-1)).rejects.toThrow(new RangeError("negative"));
    expect(await pool.run(4)).toBe(8);
    await pool.close();
  });

  it("fails the running and the waiting jobs, and all later ones, when a thread is killed", async () => {
    const pool = createWorkerPool<number, number>(doubler, 1);
    const jobs = [pool.run(13), pool.run(4)];
    for (const job of jobs) await expect(job).rejects.toThrow("a worker thread must not stop, got exit code 3");
    await expect(pool.run(5)).rejects.toThrow("a worker thread must not stop, got exit code 3");
    await pool.close();
  });

  it("fails them with the error that a thread did not catch", async () => {
    const pool = createWorkerPool<number, number>(doubler, 1);
    await expect(pool.run(14)).rejects.toThrow("uncaught");
    await pool.close();
  });

  it("fails them when the thread's file is missing", async () => {
    const pool = createWorkerPool<number, number>(new URL("./nowhere.js", import.meta.url), 1);
    await expect(pool.run(1)).rejects.toThrow("nowhere.js");
    await pool.close();
  });

  it("does not start a job whose signal is aborted", async () => {
    const pool = createWorkerPool<number, number>(doubler, 1);
    const left = new AbortController();
    const [first, second, third] = [pool.run(4), pool.run(13, left.signal), pool.run(5)];
    left.abort(new Error("left"));
    await expect(second).rejects.toThrow("left");
    expect(await Promise.all([first, third])).toEqual([8, 10]);
    await pool.close();
  });

  it("is closed when close says so, also with an answer on its way", () => {
    const pool = new URL("../dist/workerPool.js", import.meta.url);
    const program = `
      import { createWorkerPool } from ${JSON.stringify(pool.href)};
      const pool = createWorkerPool(new URL(${JSON.stringify(doubler.href)}), 4);
      await pool.run(1);
      for (const job of [1, 2, 3, 4]) pool.run(job).catch(() => {});
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      await pool.close();
      console.log("closed");`;
    for (let i = 0; i < 3; i++) {
      const { status, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
        encoding: "utf8",
      });
      expect([status, stdout]).toEqual([0, "closed\n"]);
    }
  });

  it("fails the jobs that are not done when it is closed, and refuses more", async () => {
    const pool = createWorkerPool<number, number>(doubler, 1);
    const job = expect(pool.run(0)).rejects.toThrow("the worker threads are closed");
    await pool.close();
    await job;
    await expect(pool.run(1)).rejects.toThrow("the worker threads are closed");
  });
});
