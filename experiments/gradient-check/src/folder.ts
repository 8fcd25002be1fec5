/** @file The folder of a check: what it is of, and what has been measured already. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { checkFolderKind } from "@sew/experiment";
import { writeAtomic } from "@sew/files";
import type { Measurement } from "./measure.js";
import { compared, figures } from "./networks.js";

/** What must be equal for a check to go on: all that decides its numbers. */
export type Identity = Readonly<Record<string, unknown>>;

/** Writes a value as JSON, atomically. */
export async function writeJson(folder: string, name: string, value: unknown): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeAtomic(join(folder, name), [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)], "gradient-check");
}

async function readJson(folder: string, name: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(folder, name), "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    if (!(error instanceof SyntaxError)) throw error;
    throw new RangeError(`--out: ${join(folder, name)} must hold JSON, got something else; --overwrite replaces it`);
  }
}

/** What a check is of: its settings, and where it ran. */
export const CHECK = "check.json";

async function identityOf(folder: string): Promise<Identity | undefined> {
  const config = (await readJson(folder, CHECK)) as { readonly identity?: Identity } | undefined;
  return config && (config.identity ?? {});
}

/** Options of {@link chooseFolder}. */
export interface FolderOptions {
  /** The folder. @defaultValue the first of `base`, `base-2`, … that is free or of this check */
  readonly out?: string | undefined;
  readonly overwrite: boolean;
}

/**
 * The folder of a check.
 *
 * @throws RangeError when `out` is of another check, and `overwrite` is not set; when it holds no check, but a run or a report
 */
export async function chooseFolder(
  base: string,
  identity: Identity,
  { out, overwrite }: FolderOptions,
): Promise<string> {
  if (out !== undefined) {
    checkFolderKind(out, "gradient check");
    const before = await identityOf(out);
    if (overwrite || before === undefined || isDeepStrictEqual(before, identity)) return out;
    throw new RangeError(`--out: ${out} holds another check; --overwrite replaces it, --out names another folder`);
  }
  for (let n = 1; ; n++) {
    const folder = n === 1 ? base : `${base}-${n}`;
    const before = await identityOf(folder);
    if (before === undefined || isDeepStrictEqual(before, identity)) return folder;
  }
}

const MEASUREMENTS = "measurements.json";

/**
 * What a folder has been measured of already.
 *
 * @throws RangeError when its file holds anything else
 */
export async function readMeasurements(folder: string): Promise<Measurement[]> {
  const found = (await readJson(folder, MEASUREMENTS)) ?? [];
  if (Array.isArray(found) && found.every(isMeasurement)) return found;
  throw new RangeError(
    `--out: ${join(folder, MEASUREMENTS)} must hold measurements, got something else; --overwrite replaces it`,
  );
}

function isMeasurement(value: unknown): value is Measurement {
  const { figure, family, zeroInit, blocks, lastGradient } = (value ?? {}) as Partial<Measurement>;
  return (
    Object.keys(figures).includes(String(figure)) &&
    Object.keys(compared).includes(String(family)) &&
    typeof zeroInit === "boolean" &&
    Array.isArray(blocks) &&
    blocks.every((block) => block?.output !== undefined && block.gradient !== undefined) &&
    lastGradient !== undefined
  );
}

/** Writes all that has been measured, atomically. */
export async function writeMeasurements(folder: string, measurements: readonly Measurement[]): Promise<void> {
  await writeJson(folder, MEASUREMENTS, measurements);
}
