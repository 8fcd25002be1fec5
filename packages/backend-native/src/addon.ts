/** @file The C++ addon: found, loaded, and called by kernel name. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";

/** Arrays that kernels take: tensors' own memory, never copied. */
export type KernelArray = Float32Array | Uint8Array | Int32Array;

interface Exports {
  readonly kernels: readonly string[];
  readonly statuses: readonly string[];
  readonly instructionSets: readonly string[];
  run(kernel: number, numbers: readonly number[], ...arrays: KernelArray[]): number;
  readonly pageBytes: number;
  reserve(pages: number): ArrayBuffer | null;
  movePage(buffer: ArrayBuffer, page: number, fromBuffer: ArrayBuffer, fromPage: number): boolean;
  dropPage(buffer: ArrayBuffer, page: number): boolean;
  threads(count?: number, cores?: number): number;
  instructionSet(name?: string): string | null;
  bfloat16(): boolean;
  scratchBytes(): number;
}

/** Where `build.mjs` puts the addon; `SEW_SANITIZER` names the folder of an instrumented build. */
const folder = new URL(`../build/${process.env.SEW_SANITIZER ?? "."}/`, import.meta.url);
const file = fileURLToPath(new URL("sew.node", folder));
const stampFile = fileURLToPath(new URL("stamp", folder));
const failureFile = fileURLToPath(new URL("failure.txt", folder));

const MOST_THREADS = 256;

let loaded: Exports | undefined;
let kernelIds: ReadonlyMap<string, number>;

/**
 * Loads the addon, once.
 *
 * @throws Error with the reason when it cannot be loaded: forbidden by `SEW_NATIVE=off`, not built, damaged since, or what
 * its build or the system printed
 */
export function loadAddon(): Exports {
  if (loaded !== undefined) return loaded;
  if (process.env.SEW_NATIVE === "off") throw new Error("SEW_NATIVE=off forbids it");
  if (!existsSync(file)) {
    const reason = existsSync(failureFile) ? `its build failed: ${readFileSync(failureFile, "utf8").trim()}` : "";
    throw new Error(reason === "" ? "it has not been built" : reason);
  }
  checkUndamaged();
  const addon = createRequire(import.meta.url)(file) as Exports;
  kernelIds = new Map(addon.kernels.map((name, id) => [name, id]));
  const cores = availableParallelism();
  addon.threads(Math.min(cores, MOST_THREADS), cores);
  loaded = addon;
  return addon;
}

/** Throws when the addon is not as it was built: the system would end the process while it loads half a library. */
function checkUndamaged(): void {
  const [, built] = existsSync(stampFile) ? readFileSync(stampFile, "utf8").split("\n") : [];
  const found = createHash("sha256").update(readFileSync(file)).digest("hex");
  if (found !== built) throw new Error(`${file} is damaged: it is not as it was built`);
}

/**
 * The instruction sets that the kernels are compiled for and this machine has, best first.
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

/** Number of threads that a kernel may use. */
export function threads(): number {
  return loadAddon().threads();
}

/**
 * Sets the number of threads that a kernel may use. The environment variable `SEW_THREADS` sets it at the start. Results
 * are the same bits on any number of threads.
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
  loadAddon().threads(count);
}

/** Bytes that the kernels' threads keep between calls. */
export function scratchBytes(): number {
  return loadAddon().scratchBytes();
}

/**
 * Runs a kernel of the addon on the memory of tensors.
 *
 * @throws Error that names the kernel, its numbers and its arrays when the kernel refuses them
 */
export function runNative(kernel: string, numbers: readonly number[], ...arrays: KernelArray[]): void {
  const addon = loadAddon();
  const status = addon.run(kernelIds.get(kernel) ?? -1, numbers, ...arrays);
  if (status !== 0) {
    const lengths = arrays.map((a) => `${a.constructor.name}(${a.length})`).join(", ");
    throw new Error(`${kernel}: ${addon.statuses[status]}; numbers [${numbers.join(", ")}], arrays ${lengths}`);
  }
}
