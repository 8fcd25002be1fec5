import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { readSafetensors } from "@sew/checkpoints";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support.js";
import { tinyVariants } from "../tinyRun.mjs";

const program = fileURLToPath(new URL("../tinyRun.mjs", import.meta.url));

/** Runs the program, calls `onLine` with what it prints, and says how it ended. It saves after every step. */
async function run(
  out: string,
  variant: string,
  resume: boolean,
  onLine: (line: string, child: ChildProcess) => void = () => {},
): Promise<{ code: number | null; signal: string | null; lines: string[] }> {
  const child = spawn(process.execPath, [program, out, variant, ...(resume ? ["resume"] : [])], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const lines: string[] = [];
  createInterface(child.stdout).on("line", (line) => {
    lines.push(line);
    onLine(line, child);
  });
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  return { code, signal, lines };
}

/** The files of a finished run that must not depend on how often it was stopped. */
async function results(out: string) {
  const [final, best] = await Promise.all(
    ["final", "best"].map(async (name) => {
      return createHash("sha256")
        .update(await readFile(join(out, `${name}.safetensors`)))
        .digest("hex");
    }),
  );
  const { tensors, metadata } = await readSafetensors(join(out, "last.safetensors"));
  const lines = (await readFile(join(out, "metrics.jsonl"), "utf8")).trimEnd().split("\n");
  const metrics = lines.map((line) => ({ ...JSON.parse(line), seconds: 0, samplesPerSecond: 0, dataWait: 0, time: 0 }));
  return { final, best, tensors, updates: metadata.updates, metrics };
}

describe.each(Object.keys(tinyVariants))("a run that is stopped, with %s,", (variant) => {
  let whole: Awaited<ReturnType<typeof results>>;
  beforeAll(async () => {
    const out = await mkdtemp(join(tmpdir(), "sew-training-"));
    expect((await run(out, variant, false)).lines.at(-1)).toBe("finished");
    whole = await results(out);
    await rm(out, { recursive: true });
  });

  it("by SIGKILL, in the middle of epochs, of tests and of saving, ends as if it had not been", async () => {
    const out = await temporaryFolder();
    // Saving follows each step, so that a kill after 0 to 3 ms finds it at any point. An accumulated step ends with batch 2,
    // 4 or 5.
    const kills = [
      ["train 0 2", 0],
      ["train 0 5", 1],
      ["test 0 2", 0],
      ["train 1 4", 2],
      ["test 1 1", 3],
    ] as const;
    const signals: unknown[] = [];
    for (const [line, delay] of kills) {
      const { signal, lines } = await run(out, variant, true, (seen, child) => {
        if (seen === line) setTimeout(() => child.kill("SIGKILL"), delay);
      });
      signals.push(signal);
      // On a busy machine the run may have ended before the signal came.
      if (signal !== "SIGKILL") expect(lines.at(-1)).toBe("finished");
    }
    expect(signals.slice(0, 3)).toEqual(["SIGKILL", "SIGKILL", "SIGKILL"]);
    expect((await run(out, variant, true)).lines.at(-1)).toBe("finished");
    expect(await results(out)).toEqual(whole);
    // What the killed processes left half written is gone.
    const names = (await readdir(out)).filter((name) => !name.startsWith("events.out.tfevents."));
    expect(names.sort()).toEqual(["best.safetensors", "final.safetensors", "last.safetensors", "metrics.jsonl"]);
  });
});

describe("a run that is stopped", () => {
  let whole: Awaited<ReturnType<typeof results>>;
  beforeAll(async () => {
    const out = await mkdtemp(join(tmpdir(), "sew-training-"));
    expect((await run(out, "momentum", false)).lines.at(-1)).toBe("finished");
    whole = await results(out);
    await rm(out, { recursive: true });
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("by %s says so, and ends as if it had not been", async (signal) => {
    const out = await temporaryFolder();
    const first = await run(out, "momentum", false, (line, child) => {
      if (line === "train 1 2") child.kill(signal);
    });
    expect([first.code, first.lines.at(-1)]).toEqual([0, "stopped"]);
    const second = await run(out, "momentum", true);
    expect(second.lines.at(-1)).toBe("finished");
    const steps = [...first.lines, ...second.lines].filter((line) => line.startsWith("train"));
    expect(new Set(steps).size).toBe(steps.length);
    expect(steps.length).toBe(15);
    expect(await results(out)).toEqual(whole);
  });

  it("by a second signal ends at once with status 130", async () => {
    const out = await temporaryFolder();
    const { code, lines } = await run(out, "momentum", false, (line, child) => {
      // Two signals, as the system may make one of two that are the same.
      if (line === "train 1 2") for (const signal of ["SIGINT", "SIGTERM"] as const) child.kill(signal);
    });
    expect([code, lines.includes("stopped")]).toEqual([130, false]);
  });

  it.skipIf(process.platform === "win32").each([
    ["a pipe whose reader has ended", "ignore", '"$0" "$@" | head -n 1'],
    ["a full disk as its standard output", "ignore", 'exec "$0" "$@" >/dev/full'],
    ["a full disk as its standard error", "ignore", 'exec "$0" "$@" 2>/dev/full >/dev/null'],
    ["its standard output and error closed", "ignore", 'exec "$0" "$@" >&- 2>&-'],
  ] as const)("is none with %s: it goes on without output", async (_, stdio, command) => {
    const out = await temporaryFolder();
    const child = spawn("bash", ["-c", `set -o pipefail; ${command}`, process.execPath, program, out, "momentum"], {
      stdio,
    });
    expect((await once(child, "close"))[0]).toBe(0);
    expect(await results(out)).toEqual(whole);
  });

  it("by a disk that is full says which file did not fit, and goes on from the earlier checkpoint", async () => {
    const out = await temporaryFolder();
    await run(out, "momentum", false, (line, child) => {
      if (line === "train 1 2") child.kill("SIGINT");
    });
    const before = await readFile(join(out, "last.safetensors"));
    // Files of 1 KiB at most: metrics fit, checkpoints do not.
    const limited = 'ulimit -f 1; exec "$0" "$@"';
    const child = spawn("bash", ["-c", limited, process.execPath, program, out, "momentum", "resume"]);
    let errors = "";
    child.stderr.on("data", (chunk) => {
      errors += chunk;
    });
    expect((await once(child, "close"))[0]).not.toBe(0);
    expect(errors).toContain(
      `writeAtomic: ${join(out, "last.safetensors")} must be writable, got EFBIG: file too large, write; make room`,
    );
    expect(await readFile(join(out, "last.safetensors"))).toEqual(before);
    expect((await run(out, "momentum", true)).lines.at(-1)).toBe("finished");
    expect(await results(out)).toEqual(whole);
  });
});
