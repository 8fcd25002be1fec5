/** @file The file in which a machine keeps the break-evens that it has been calibrated to. */
import { randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { cpus, homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import type { BreakEvens } from "./breakEven.js";

/** What break-evens hold for. */
interface Measured {
  readonly cpu: string;
  readonly instructionSet: string;
  /** Of this package, whose kernels they compare. */
  readonly version: string;
}

interface Contents extends Measured {
  readonly breakEvens: BreakEvens;
}

const MOST_BYTES = 1 << 16;

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as Measured;

const here = (instructionSet: string): Measured => ({ cpu: cpus()[0]?.model ?? "unknown", instructionSet, version });

/** Where a machine keeps them: a file for each instruction set, among what may be deleted at any time. */
export function breakEvenFile(instructionSet: string): string {
  const { XDG_CACHE_HOME: cache } = process.env;
  // The standard has relative paths ignored.
  const folder = cache !== undefined && isAbsolute(cache) ? cache : join(homedir(), ".cache");
  return join(folder, "sew", `break-even-${instructionSet}.json`);
}

/** The text of an ordinary file of ordinary size. Does not wait for who may write to a pipe. */
function readSmall(file: string): string {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile()) throw new RangeError("it is no ordinary file");
    if (status.size > MOST_BYTES) throw new RangeError(`it is larger than ${MOST_BYTES} bytes`);
    return readFileSync(descriptor, "utf8");
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Reads a file of break-evens.
 *
 * @throws the system's error when it cannot be read; RangeError when it is none. Neither quotes what is in it.
 */
export function readBreakEvens(file: string, kinds: readonly string[]): Contents {
  const text = readSmall(file);
  let contents: Partial<Contents> | null;
  try {
    contents = JSON.parse(text);
  } catch {
    throw new RangeError("it is no JSON");
  }
  const densities: Readonly<Record<string, unknown>> = Object(contents?.breakEvens);
  for (const kind of kinds) {
    const density = Object.hasOwn(densities, kind) ? densities[kind] : undefined;
    if (typeof density !== "number" || !Number.isFinite(density) || density < 0) {
      throw new RangeError(`it has no number from 0 on for "${kind}"`);
    }
  }
  return contents as Contents;
}

/**
 * The break-evens that this machine has been calibrated to; `undefined` when it has not been, or when the file is of
 * no use, which one warning tells.
 */
export function machineBreakEvens(instructionSet: string, kinds: readonly string[]): BreakEvens | undefined {
  let file: string | undefined;
  try {
    file = breakEvenFile(instructionSet);
    const { breakEvens, ...measured } = readBreakEvens(file, kinds);
    const expected = here(instructionSet);
    for (const key of ["cpu", "instructionSet", "version"] as const) {
      if (measured[key] !== expected[key]) throw new RangeError(`it was made for another ${key} than ${expected[key]}`);
    }
    return breakEvens;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // Nobody has calibrated, or there is no home.
    if (file === undefined || code === "ENOENT") return undefined;
    console.warn(
      `@sew/backend-native: ${file} is ignored: ${message}. Convolutions of spikes go by the built-in break-evens. ` +
        "To mend it, delete the file, or write it anew: calibrateBreakEvens(), or pnpm bench --calibrate.",
    );
    return undefined;
  }
}

/**
 * Writes the file of this machine, whole or not at all, and returns where it is.
 *
 * @throws Error that names the file when it cannot be written
 */
export function writeBreakEvens(instructionSet: string, breakEvens: BreakEvens): string {
  const file = breakEvenFile(instructionSet);
  const unfinished = `${file}.${randomUUID()}.tmp`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    try {
      writeFileSync(unfinished, `${JSON.stringify({ ...here(instructionSet), breakEvens }, null, 2)}\n`, {
        flag: "wx",
      });
      renameSync(unfinished, file);
    } finally {
      rmSync(unfinished, { force: true });
    }
  } catch (error) {
    throw new Error(
      `calibrateBreakEvens: ${file} cannot be written (${(error as Error).message}); ` +
        "XDG_CACHE_HOME may name another folder",
      { cause: error },
    );
  }
  return file;
}
