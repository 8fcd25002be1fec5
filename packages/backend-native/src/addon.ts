/** @file The C++ addon: found, loaded, and called by kernel name. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { setBreakEvensFrom } from "./breakEven.js";
import { type Precision, precision, setPrecision } from "./precision.js";
import { type SpikeConvolution, setSpikeConvolution } from "./spikeConvolution.js";
import { type SpikeStorage, setSpikeStorage } from "./spikeStorage.js";

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
  threads(count?: number): number;
  instructionSet(name?: string): string | null;
  bfloat16(): boolean;
  scratchBytes(): number;
}

/** Where `build.mjs` puts the addon, and with SEW_SANITIZER the one that it makes for that sanitizer. */
const folder = new URL(`../build/${process.env.SEW_SANITIZER ?? "."}/`, import.meta.url);
const file = fileURLToPath(new URL("sew.node", folder));
const failureFile = fileURLToPath(new URL("failure.txt", folder));

let loaded: Exports | undefined;
let kernelIds: ReadonlyMap<string, number>;

/**
 * Loads the addon, once.
 *
 * @throws Error that says why it cannot be loaded, and what its build printed when that is the reason; RangeError when
 * SEW_ISA, SEW_THREADS, SEW_SPIKES, SEW_SPIKE_CONVOLUTION, SEW_BREAK_EVEN or SEW_PRECISION has a wrong value
 */
export function loadAddon(): Exports {
  if (loaded !== undefined) return loaded;
  if (process.env.SEW_NATIVE === "off") throw new Error("SEW_NATIVE=off forbids it");
  if (!existsSync(file)) {
    const reason = existsSync(failureFile) ? `its build failed: ${readFileSync(failureFile, "utf8").trim()}` : "";
    throw new Error(reason === "" ? "it has not been built" : reason);
  }
  const addon = createRequire(import.meta.url)(file) as Exports;
  kernelIds = new Map(addon.kernels.map((name, id) => [name, id]));
  loaded = addon;
  fromEnvironment("SEW_ISA", setInstructionSet);
  fromEnvironment("SEW_THREADS", (count) => setThreads(Number(count)));
  fromEnvironment("SEW_SPIKES", (storage) => setSpikeStorage(storage as SpikeStorage));
  fromEnvironment("SEW_PRECISION", (wanted) => setPrecision(wanted as Precision));
  fromEnvironment("SEW_SPIKE_CONVOLUTION", (wanted) => setSpikeConvolution(wanted as SpikeConvolution));
  fromEnvironment("SEW_BREAK_EVEN", setBreakEvensFrom);
  return addon;
}

/** Hands a variable's value on when it is set. A wrong one leaves the addon unloaded, so that every call says so. */
function fromEnvironment(variable: string, set: (value: string) => void): void {
  const value = process.env[variable];
  if (value === undefined) return;
  try {
    set(value);
  } catch (error) {
    loaded = undefined;
    throw new RangeError(`${variable}=${value}: ${(error as Error).message}`);
  }
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

/** Whether the instruction set in use multiplies bfloat16 on this machine; where not, {@link setPrecision} changes nothing. */
export function hasBfloat16(): boolean {
  return loadAddon().bfloat16();
}

/** The precision in which dense products are made: the one that was asked for, where this machine has it. */
export function productPrecision(): Precision {
  return precision() === "bf16" && hasBfloat16() ? "bf16" : "float32";
}

/** The instruction set in use. */
export function instructionSet(): string {
  return loadAddon().instructionSet() as string;
}

/**
 * Makes all kernels run with one instruction set, as the environment variable `SEW_ISA` does from the start.
 *
 * @throws RangeError when this machine lacks it
 */
export function setInstructionSet(name: string): void {
  if (loadAddon().instructionSet(name) === null) {
    throw new RangeError(
      `setInstructionSet: name must be one of ${instructionSets().join(", ")} on this machine, got ${name}`,
    );
  }
}

/** Threads that a kernel may use. */
export function threads(): number {
  return loadAddon().threads();
}

/**
 * Sets the threads that a kernel may use, as the environment variable `SEW_THREADS` does from the start; all cores
 * unless set. It changes no result, not by a bit.
 *
 * @throws RangeError when count is not an integer from 1 to 256
 */
export function setThreads(count: number): void {
  if (!Number.isInteger(count) || count < 1 || count > 256) {
    throw new RangeError(`setThreads: count must be an integer from 1 to 256, got ${count}`);
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
 * @throws Error that names the kernel, its numbers and its arrays when it refuses them
 */
export function runNative(kernel: string, numbers: readonly number[], ...arrays: KernelArray[]): void {
  const addon = loadAddon();
  const status = addon.run(kernelIds.get(kernel) ?? -1, numbers, ...arrays);
  if (status !== 0) {
    const lengths = arrays.map((a) => `${a.constructor.name}(${a.length})`).join(", ");
    throw new Error(`${kernel}: ${addon.statuses[status]}; numbers [${numbers.join(", ")}], arrays ${lengths}`);
  }
}
