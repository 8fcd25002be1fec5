/** @file The file that holds the break-evens of this machine, one for each instruction set. */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { cpus, homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import writeFileAtomic from "write-file-atomic";

/** What break-evens are valid for. */
interface Origin {
  readonly cpu: string;
  readonly instructionSet: string;
  /** Version of this package, whose kernels were compared. */
  readonly version: string;
}

/** Density of each kind of convolution. */
type Densities<K extends string> = Readonly<Record<K, number>>;

interface Contents<K extends string> extends Origin {
  readonly breakEvens: Densities<K>;
}

/** Larger files are not read. */
const MOST_BYTES = 1 << 16;

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as Origin;

const here = (instructionSet: string): Origin => ({ cpu: cpus()[0]?.model ?? "unknown", instructionSet, version });

/** Path of the file, in the user's cache folder. */
export function breakEvenFile(instructionSet: string): string {
  const { XDG_CACHE_HOME: cache } = process.env;
  // The XDG standard says to ignore relative paths.
  const folder = cache !== undefined && isAbsolute(cache) ? cache : join(homedir(), ".cache");
  return join(folder, "sew", `break-even-${instructionSet}.json`);
}

/** Reads a regular file of at most {@link MOST_BYTES}. Does not block on a pipe. */
function readSmall(file: string): string {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile()) throw new RangeError("it is not a regular file");
    if (status.size > MOST_BYTES) throw new RangeError(`it is larger than ${MOST_BYTES} bytes`);
    return readFileSync(descriptor, "utf8");
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Reads a file of break-evens.
 *
 * @param kinds the kinds of convolution that must be in it
 * @throws the system's error when it cannot be read; RangeError when it has another format. Neither quotes its contents.
 */
export function readBreakEvens<K extends string>(file: string, kinds: readonly K[]): Contents<K> {
  const text = readSmall(file);
  let contents: Partial<Contents<K>> | null;
  try {
    contents = JSON.parse(text);
  } catch {
    throw new RangeError("it is not JSON");
  }
  const densities: Readonly<Record<string, unknown>> = Object(contents?.breakEvens);
  for (const kind of kinds) {
    const density = Object.hasOwn(densities, kind) ? densities[kind] : undefined;
    if (typeof density !== "number" || !Number.isFinite(density) || density < 0) {
      throw new RangeError(`it has no number of at least 0 for "${kind}"`);
    }
  }
  return contents as Contents<K>;
}

/**
 * The break-evens of this machine; `undefined` when it has not been calibrated. Warns and returns `undefined` when the file
 * is invalid or was made for another machine.
 */
export function machineBreakEvens<K extends string>(
  instructionSet: string,
  kinds: readonly K[],
): Densities<K> | undefined {
  let file: string | undefined;
  try {
    file = breakEvenFile(instructionSet);
    const { breakEvens, ...origin } = readBreakEvens(file, kinds);
    const expected = here(instructionSet);
    for (const key of ["cpu", "instructionSet", "version"] as const) {
      if (origin[key] !== expected[key]) throw new RangeError(`it was made for another ${key} than ${expected[key]}`);
    }
    return breakEvens;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // Not calibrated, or no home directory: none is set, it is a file such as /dev/null, or another user's.
    if (file === undefined || code === "ENOENT" || code === "ENOTDIR" || code === "EACCES") return undefined;
    console.warn(
      `@sew/backend-native: ${file} is ignored: ${message}. Convolutions of spikes use the built-in break-evens. ` +
        "Delete the file, or write a new one with calibrateBreakEvens() or pnpm bench --calibrate.",
    );
    return undefined;
  }
}

/**
 * Writes the file of this machine atomically.
 *
 * @returns its path
 * @throws Error that names the file when it cannot be written
 */
export function writeBreakEvens(instructionSet: string, breakEvens: Densities<string>): string {
  let file = "the file of this machine";
  try {
    file = breakEvenFile(instructionSet);
    mkdirSync(dirname(file), { recursive: true });
    writeFileAtomic.sync(file, `${JSON.stringify({ ...here(instructionSet), breakEvens }, null, 2)}\n`);
  } catch (error) {
    throw new Error(
      `calibrateBreakEvens: ${file} cannot be written (${(error as Error).message}); ` +
        "set XDG_CACHE_HOME to another folder",
      { cause: error },
    );
  }
  return file;
}
