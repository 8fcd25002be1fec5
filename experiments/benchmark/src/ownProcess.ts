/** @file Measures in a process of its own, so that memory is the work's and nothing is left of what came before. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { instructionSet, threads } from "@sew/backend-native";

const worker = fileURLToPath(new URL("./worker.js", import.meta.url));

/** What a process found out. */
export interface Measured {
  readonly figures: unknown;
  /** The multiply-add peak of its machine meanwhile, in FLOP/s. */
  readonly peak: number;
}

/**
 * Measures one of the {@link ofTable} or {@link ofSweep}, with this process's threads and instruction set.
 *
 * @throws Error when the process ends without figures, such as for want of memory
 */
export async function inOwnProcess(name: string, runs: number): Promise<Measured> {
  const env = { ...process.env, SEW_THREADS: String(threads()), SEW_ISA: instructionSet() };
  const child = fork(worker, [name, String(runs)], { env });
  const stop = () => {
    child.kill();
    process.exit(128 + 15);
  };
  process.once("SIGTERM", stop);
  let measured: Measured | undefined;
  child.on("message", (message) => {
    measured = message as Measured;
  });
  const ended = await new Promise<string>((resolve) =>
    child.on("close", (status, signal) => resolve(signal ?? `status ${status}`)),
  );
  process.off("SIGTERM", stop);
  if (measured === undefined) throw new Error(`${name}: its process ended with ${ended}, and without figures`);
  return measured;
}
