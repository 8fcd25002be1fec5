/** @file A way measured in a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { type Message, parseMessage } from "./messages.js";
import { environmentRemedy } from "./options.js";

/** A process to start. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** Added to this process's environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** What a process has said. */
interface Heard {
  /** The values of a key, in order. */
  readonly values: <K extends keyof Message>(key: K) => Message[K][];
  /** Why it may have nothing more to say. */
  readonly ended: string;
}

/** Kills a process and those that it has started: compilers, above all. */
function kill(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, "SIGKILL");
  } catch {
    child.kill("SIGKILL");
  }
}

/**
 * Starts a process and takes its messages until it ends.
 *
 * @param silence seconds without a message after which it is killed: a compiler that hangs
 */
async function listen({ file, args, env }: Command, silence: number): Promise<Heard> {
  // A process group of its own, so that nothing that it has started is left.
  const child = spawn(file, [...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const stop = () => kill(child);
  process.prependOnceListener("exit", stop);
  let silent = false;
  const timer = setTimeout(() => {
    silent = true;
    kill(child);
  }, 1000 * silence);
  const messages: Partial<Message>[] = [];
  createInterface(child.stdout).on("line", (line) => {
    const message = parseMessage(line);
    if (message === undefined) return;
    messages.push(message);
    timer.refresh();
  });
  let lastError = "";
  createInterface(child.stderr).on("line", (line) => {
    lastError = line.trim() || lastError;
  });
  const status = await new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (status, signal) => resolve(`its process ended with ${signal ?? `status ${status}`}`));
  });
  clearTimeout(timer);
  process.off("exit", stop);
  const values = <K extends keyof Message>(key: K) =>
    messages.map((message) => message[key]).filter((value) => value !== undefined) as Message[K][];
  const ended = silent ? `no answer within ${silence} s` : [status, lastError].filter((text) => text !== "").join(": ");
  return { values, ended: values("failed")[0] ?? ended };
}

/** What was measured in a process. */
export interface Measured {
  readonly versions: Readonly<Record<string, string>>;
  readonly layers: readonly number[];
  readonly output: readonly number[];
  /** Seconds of each pass: those that warm up, the first of which compiles, and those that count. */
  readonly warmUp: readonly number[];
  readonly seconds: readonly number[];
  /** Bytes. */
  readonly peak: number;
}

/** Why a process has no figures. */
export interface Failed {
  readonly failed: string;
}

/** Measures in a process. It is killed after so many seconds without a message. */
export async function measure(command: Command, silence: number): Promise<Measured | Failed> {
  const { values, ended } = await listen(command, silence);
  const [layers, output, peak] = [values("layers")[0], values("output")[0], values("peak")[0]];
  if (layers === undefined || output === undefined || peak === undefined) return { failed: ended };
  const versions = Object.assign({}, ...values("versions")) as Measured["versions"];
  return { versions, layers, output, warmUp: values("warmUp"), seconds: values("seconds"), peak };
}

/**
 * The versions that a process names.
 *
 * @throws Error with the reason and the remedy when it names none
 */
export async function versionsOf(command: Command, silence: number): Promise<Measured["versions"]> {
  const refusal = (reason: string) =>
    new Error(
      `peers: --python must name a Python that runs SpikingJelly, got ${command.file} (${reason}); ${environmentRemedy}`,
    );
  // Some paths, such as one below a file, make spawn throw at once.
  const { values, ended } = await listen(command, silence).catch((error: Error) => {
    throw refusal(error.message);
  });
  const [missing] = values("missing");
  if (missing !== undefined) {
    throw new Error(`peers: ${command.file} must have ${missing}; run ${command.file} -m pip install ${missing}`);
  }
  const [versions] = values("versions");
  if (versions === undefined) throw refusal(ended);
  return versions;
}
