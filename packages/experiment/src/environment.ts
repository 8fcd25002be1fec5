/** @file What a run is made with: machine, versions, commit. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { cpus, totalmem } from "node:os";
import { promisify } from "node:util";
import { BackendUnavailable, useBackend } from "@sew/backends";
import { Diverged } from "@sew/training";
import { backend as current, version_core } from "@tensorflow/tfjs-core";
import type { Settings } from "./settings.js";

type Native = typeof import("@sew/backend-native");

/** The package of the native backend; undefined where it is not installed. */
export async function nativePackage(): Promise<Native | undefined> {
  try {
    return await import("@sew/backend-native");
  } catch (error) {
    if (/MODULE_NOT_FOUND$/.test((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

/** What computes a run. */
export interface Environment {
  readonly backend: string;
  /** Whether `tensorflow-gpu` has found a GPU. */
  readonly gpu?: boolean;
  readonly instructionSet?: string;
  readonly threads?: number;
  /** Precision of dense products. */
  readonly precision?: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGigabytes: number;
  readonly platform: string;
}

/**
 * Starts the backend of the settings, and no other, in their precision. Warns when the precision changes nothing.
 *
 * @throws RangeError, BackendUnavailable when the backend cannot be used
 */
export async function startBackend(
  { backend: name, precision }: Pick<Settings, "backend" | "precision">,
  native: Native | undefined,
  warn: (message: string) => void,
): Promise<Environment> {
  const backend = await useBackend(name, warn);
  const ours = backend === "native" ? native : undefined;
  if (precision !== undefined) native?.setPrecision(precision as Parameters<Native["setPrecision"]>[0]);
  if (precision === "bf16" && !ours?.hasBfloat16()) {
    const why = ours ? "this processor has no AVX512-BF16" : `the ${backend} backend has no bfloat16`;
    warn(`warning: --precision bf16 changes nothing: ${why}`);
  }
  return {
    backend,
    ...(backend === "tensorflow-gpu" && {
      gpu: (current() as unknown as { isUsingGpuDevice: boolean }).isUsingGpuDevice,
    }),
    ...(ours && { instructionSet: ours.instructionSet(), threads: ours.threads(), precision: ours.precision() }),
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform}-${process.arch}`,
  };
}

/** The commit of the working directory, with `-dirty` where files differ from it; undefined outside of git. */
export async function commit(): Promise<string | undefined> {
  const git = async (...args: string[]): Promise<string> => (await promisify(execFile)("git", args)).stdout.trim();
  try {
    const dirty = (await git("status", "--porcelain", "--untracked-files=no")) !== "";
    return `${await git("rev-parse", "HEAD")}${dirty ? "-dirty" : ""}`;
  } catch {
    return undefined;
  }
}

/** The versions of Node, TensorFlow.js and the packages of this kit. */
export async function versions(): Promise<Record<string, string>> {
  const require = createRequire(import.meta.url);
  const manifest = async (path: string): Promise<{ version: string; dependencies: object }> =>
    JSON.parse(await readFile(require.resolve(path), "utf8"));
  const { version, dependencies } = await manifest("../package.json");
  const names = Object.keys(dependencies).filter((name) => name.startsWith("@sew/"));
  const own = await Promise.all(names.map(async (name) => [name, (await manifest(`${name}/package.json`)).version]));
  return {
    node: process.version,
    "@tensorflow/tfjs-core": version_core,
    "@sew/experiment": version,
    ...Object.fromEntries(own),
  };
}

/** Whether an error is one that its message explains to the user. */
export function isExplained(error: unknown): error is Error {
  return (
    error instanceof RangeError ||
    error instanceof BackendUnavailable ||
    error instanceof Diverged ||
    (error instanceof Error && (error.name === "FileFormatError" || "code" in error))
  );
}
