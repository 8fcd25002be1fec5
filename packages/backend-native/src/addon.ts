/** @file The C++ addon: found, loaded, and called by kernel name. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { cores } from "./cores.js";

/** Arrays that kernels take: tensors' own memory, never copied. */
export type KernelArray = Float32Array | Uint8Array | Uint16Array | Int32Array;

interface Exports {
  readonly kernels: readonly string[];
  readonly statuses: readonly string[];
  /** The status of a kernel that supports finite numbers alone. */
  readonly notFinite: number;
  readonly instructionSets: readonly string[];
  run(kernel: number, numbers: readonly number[], ...arrays: KernelArray[]): number;
  readonly pageBytes: number;
  reserve(pages: number): ArrayBuffer | null;
  movePage(buffer: ArrayBuffer, page: number, fromBuffer: ArrayBuffer, fromPage: number): boolean;
  dropPage(buffer: ArrayBuffer, page: number): boolean;
  threads(): number;
  threads(count: number, cores: number): number;
  instructionSet(name?: string): string | null;
  bfloat16(): boolean;
  matrixUnit(): boolean;
  scratchBytes(): number;
  kernelSeconds(): number;
  trace(on: boolean): void;
  /** What kernels reported since the last call: text, operations (of a reason -1), lists and seconds, one after the other. */
  traced(): readonly (string | number)[];
}

/** Where `build.mjs` puts the addon; `SEW_SANITIZER` names the folder of an instrumented build. */
const folder = new URL(`../build/${process.env.SEW_SANITIZER ?? "."}/`, import.meta.url);
const file = fileURLToPath(new URL("sew.node", folder));
const failureFile = fileURLToPath(new URL("failure.txt", folder));
const stampFile = fileURLToPath(new URL("stamp.json", folder));

/** What `build.mjs` writes when it has built the addon. */
interface Stamp {
  readonly bytes: number;
  readonly sha256: string;
}

const MOST_THREADS = 256;

/** Threads without a core of their own that are started; more would only take turns. */
const MOST_SURPLUS_THREADS = 4;

let loaded: Exports | undefined;
let kernelIds: ReadonlyMap<string, number>;

/**
 * Loads the addon, once.
 *
 * @throws Error with the reason and the remedy when it cannot be loaded: forbidden by `SEW_NATIVE=off`, not built, damaged,
 * or what its build or the system printed
 */
export function loadAddon(): Exports {
  if (loaded !== undefined) return loaded;
  const fault = faultOfFile();
  if (fault !== undefined) throw unloadable(fault);
  let addon: Exports;
  try {
    addon = createRequire(import.meta.url)(file) as Exports;
  } catch (error) {
    throw unloadable((error as Error).message, error);
  }
  kernelIds = new Map(addon.kernels.map((name, id) => [name, id]));
  startThreads(addon, cores());
  loaded = addon;
  return addon;
}

/**
 * Why the addon's file must not be loaded; `undefined` where it may be. The file is compared with what was built: the
 * system's loader trusts a file, and a truncated or damaged one ends the process.
 */
function faultOfFile(): string | undefined {
  if (process.env.SEW_NATIVE === "off") return "SEW_NATIVE=off forbids it";
  if (!existsSync(file)) {
    const reason = existsSync(failureFile) ? readFileSync(failureFile, "utf8").trim() : "";
    return reason === "" ? "it has not been built" : `its build failed: ${reason}`;
  }
  if (!existsSync(stampFile)) return "its build was interrupted";
  const [contents, { bytes, sha256 }] = [readFileSync(file), JSON.parse(readFileSync(stampFile, "utf8")) as Stamp];
  if (contents.length !== bytes) return `${file} is damaged: it has ${contents.length} bytes, and ${bytes} were built`;
  const found = createHash("sha256").update(contents).digest("hex");
  return found === sha256 ? undefined : `${file} is damaged: its bytes are not those that were built`;
}

/** The error of an addon that cannot be loaded. */
function unloadable(reason: string, cause?: unknown): Error {
  const remedy =
    process.env.SEW_NATIVE === "off"
      ? "unset SEW_NATIVE"
      : process.env.SEW_SANITIZER !== undefined
        ? "unset SEW_SANITIZER, or build it: node build.mjs --sanitize address, or thread"
        : "install g++ and build it: npm rebuild @sew/backend-native, with pnpm: pnpm approve-builds, then " +
          "pnpm rebuild @sew/backend-native (in a clone of its repository: npm run build)";
  return new Error(`the C++ addon of @sew/backend-native cannot be loaded: ${reason}; ${remedy}`, {
    cause,
  });
}

let warned = false;

/** Starts threads, and warns once where the system starts fewer. */
function startThreads(addon: Exports, count: number): void {
  const own = cores();
  const wanted = Math.min(count, MOST_THREADS, own + MOST_SURPLUS_THREADS);
  const started = addon.threads(wanted, own);
  if (started === wanted || warned) return;
  warned = true;
  console.warn(
    `@sew/backend-native: the system has started ${started} of ${wanted} threads, and kernels use these. ` +
      "Raise its limit of processes (ulimit -u) or of address space (ulimit -v), or set SEW_THREADS to fewer.",
  );
}

/**
 * The instruction sets that the kernels are compiled for and this machine has, best first. The last is `amx-emulated`, which
 * runs the kernels for the matrix unit of `amx` in plain C++, slowly, to test them on any machine.
 *
 * @example
 * instructionSets().includes("baseline"); // true
 */
export function instructionSets(): readonly string[] {
  return loadAddon().instructionSets;
}

/** The instruction set in use. */
export function instructionSet(): string {
  return loadAddon().instructionSet() as string;
}

/**
 * Makes all kernels run with one instruction set. The environment variable `SEW_ISA` sets it at the start.
 *
 * @param name one of {@link instructionSets}. @defaultValue the first of them
 * @throws RangeError when this machine lacks it
 *
 * @example
 * setInstructionSet("baseline");
 * instructionSet(); // "baseline"
 */
export function setInstructionSet(name: string): void {
  if (loadAddon().instructionSet(name) === null) {
    throw new RangeError(
      `setInstructionSet: name must be one of ${instructionSets().join(", ")} on this machine, got ${name}`,
    );
  }
}

/** Whether the instruction set in use multiplies bfloat16 on this machine; where not, {@link setPrecision} changes nothing. */
export function hasBfloat16(): boolean {
  return loadAddon().bfloat16();
}

/** Whether the instruction set in use multiplies on a matrix unit, or emulates one. */
export function hasMatrixUnit(): boolean {
  return loadAddon().matrixUnit();
}

/** Number of threads that a kernel uses at most. */
export function threads(): number {
  return loadAddon().threads();
}

/**
 * Sets the number of threads that a kernel uses at most. The environment variable `SEW_THREADS` sets it at the start.
 * Results are the same bits on any number of threads.
 *
 * At most 4 threads more are started than the cores that the process may use by its affinity and its container's quota:
 * further ones would only take turns. Where the system starts fewer, kernels use these, and a warning says so.
 *
 * @param count from 1 to 256. @defaultValue the number of cores
 * @throws RangeError when count is not an integer from 1 to 256
 *
 * @example
 * setThreads(2);
 * threads(); // 2
 */
export function setThreads(count: number): void {
  if (!Number.isInteger(count) || count < 1 || count > MOST_THREADS) {
    throw new RangeError(`setThreads: count must be an integer from 1 to ${MOST_THREADS}, got ${count}`);
  }
  startThreads(loadAddon(), count);
}

/** Bytes that the kernels' threads keep between calls. */
export function scratchBytes(): number {
  return loadAddon().scratchBytes();
}

/**
 * Seconds that this thread has spent in kernels of the addon so far. What a step takes besides is JavaScript, allocation, and
 * copies between typed arrays.
 *
 * @example
 * kernelSeconds() >= 0; // true
 */
export function kernelSeconds(): number {
  return loadAddon().kernelSeconds();
}

/** Makes every call of a kernel, where it is set. */
let around: ((kernel: string, call: () => number) => number) | undefined;

/** Sets what makes the calls of kernels, for a trace; undefined restores the plain call. */
export function setAround(caller: typeof around): void {
  around = caller;
}

/** Calls a kernel; returns its status. */
function call(addon: Exports, kernel: string, numbers: readonly number[], arrays: KernelArray[]): number {
  const id = kernelIds.get(kernel) ?? -1;
  if (around === undefined) return addon.run(id, numbers, ...arrays);
  return around(kernel, () => addon.run(id, numbers, ...arrays));
}

/**
 * Runs a kernel of the addon on the memory of tensors.
 *
 * @throws Error that names the kernel, its numbers and its arrays when the kernel refuses them
 */
export function runNative(kernel: string, numbers: readonly number[], ...arrays: KernelArray[]): void {
  const addon = loadAddon();
  const status = call(addon, kernel, numbers, arrays);
  if (status !== 0) throw refusal(addon, status, kernel, numbers, arrays);
}

/**
 * The same for a kernel that supports finite numbers alone.
 *
 * @returns whether all are finite; where not, the outputs are undefined
 */
export function runFinite(kernel: string, numbers: readonly number[], ...arrays: KernelArray[]): boolean {
  const addon = loadAddon();
  const status = call(addon, kernel, numbers, arrays);
  if (status !== 0 && status !== addon.notFinite) throw refusal(addon, status, kernel, numbers, arrays);
  return status === 0;
}

function refusal(
  addon: Exports,
  status: number,
  kernel: string,
  numbers: readonly number[],
  arrays: readonly KernelArray[],
): Error {
  const lengths = arrays.map((a) => `${a.constructor.name}(${a.length})`).join(", ");
  return new Error(`${kernel}: ${addon.statuses[status]}; numbers [${numbers.join(", ")}], arrays ${lengths}`);
}
