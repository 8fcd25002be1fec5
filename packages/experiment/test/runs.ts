/** @file Runs of the tiny experiment, in this process and in others. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readSafetensors } from "@sew/checkpoints";
import { runExperiment } from "@sew/experiment";
import { vi } from "vitest";
import { tiny } from "./tinyExperiment.mjs";

/** How a command ended and what it printed. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const fixed = ["--backend", "cpu", "--workers", "0"];

/** Runs the tiny experiment here. */
export async function run(...argv: string[]): Promise<Ended> {
  const printed = { out: "", err: "" };
  const catching = (stream: "stdout" | "stderr", key: "out" | "err") =>
    vi.spyOn(process[stream], "write").mockImplementation((chunk) => {
      printed[key] += chunk;
      return true;
    });
  const spies = [catching("stdout", "out"), catching("stderr", "err")];
  try {
    return { code: await runExperiment(tiny, [...fixed, ...argv]), ...printed };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** Runs it in a process of its own, which sends itself SIGINT at a read of training samples. */
export function interrupted(read: number, ...argv: string[]): Promise<Ended> {
  return elsewhere({ SEW_TEST_INTERRUPT: String(read) }, ...argv);
}

/** Runs it in a process of its own with these environment variables. */
export function elsewhere(env: Readonly<Record<string, string>>, ...argv: string[]): Promise<Ended> {
  const main = fileURLToPath(new URL("./tinyExperiment.mjs", import.meta.url));
  const child = spawn(process.execPath, [main, ...fixed, ...argv], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const printed = { out: "", err: "" };
  child.stdout.on("data", (chunk) => {
    printed.out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    printed.err += chunk;
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, ...printed })));
}

/** The tensors of a checkpoint. */
export async function tensors(folder: string, file = "last.safetensors"): Promise<Record<string, readonly number[]>> {
  const { tensors } = await readSafetensors(join(folder, file));
  return Object.fromEntries([...tensors].map(([name, { values }]) => [name, Array.from(values as Float32Array)]));
}

/** A JSON file. */
export function json(...path: string[]): Record<string, unknown> {
  return JSON.parse(readFileSync(join(...path), "utf8")) as Record<string, unknown>;
}

/** The names that are in a folder. */
export function present(folder: string, names: readonly string[]): string[] {
  return names.filter((name) => existsSync(join(folder, name)));
}
