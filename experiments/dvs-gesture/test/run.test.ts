import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { hasBfloat16 } from "@sew/backend-native";
import { readSafetensors } from "@sew/checkpoints";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const main = fileURLToPath(new URL("../dist/src/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sew-dvs-gesture-"));
const data = join(folder, "n-mnist");

/** Recordings of two strokes that a network can tell apart, in N-MNIST's flat layout. */
function writeRecordings(): void {
  const events = (vertical: boolean, shift: number) =>
    Buffer.concat(
      Array.from({ length: 400 }, (_, i) => {
        const along = i % 30;
        const [x, y] = vertical ? [10 + shift, along] : [along, 10 + shift];
        const t = 500 * i;
        return Buffer.from([x, y, ((i & 1) << 7) | (t >> 16), (t >> 8) & 255, t & 255]);
      }),
    );
  const list = (ids: readonly number[]) => ids.map((id) => `${id} ${id % 2}\n`).join("");
  const ids = Array.from({ length: 24 }, (_, i) => i + 1);
  for (const id of ids) writeFileSync(join(data, `${id}.bs2`), events(id % 2 === 1, id % 12));
  writeFileSync(join(data, "train1K.txt"), list(ids.slice(0, 16)));
  writeFileSync(join(data, "test100.txt"), list(ids.slice(16)));
}

/** Starts the experiment on these recordings. */
function start(out: string, args: readonly string[] = [], threads = 2): ChildProcess & { errors: () => string } {
  const fixed = ["--dataset", "n-mnist", "--data", data, "--cache", join(folder, "cache"), "--frames", "4"];
  const small = ["--batch", "2", "--epochs", "3", "--workers", "0"];
  const child = spawn(process.execPath, [main, ...fixed, ...small, "--out", out, ...args], {
    env: { ...process.env, SEW_THREADS: String(threads) },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr!.on("data", (chunk) => {
    errors += chunk;
  });
  return Object.assign(child, { errors: () => errors });
}

const ended = (child: ChildProcess) => new Promise<number | null>((resolve) => child.on("close", resolve));

/** The weights, running statistics and optimiser state of a run, as bytes. */
async function state(out: string): Promise<Record<string, string>> {
  const { tensors } = await readSafetensors(join(out, "last.safetensors"));
  const bytes = ({ values }: { values: ArrayBufferView }) =>
    Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("base64");
  return Object.fromEntries([...tensors].map(([name, tensor]) => [name, bytes(tensor)]));
}

describe("pnpm experiment dvs-gesture", () => {
  const whole = join(folder, "whole");

  beforeAll(async () => {
    mkdirSync(data, { recursive: true });
    writeRecordings();
    const child = start(whole, ["--json", join(folder, "numbers.json")]);
    expect([await ended(child), child.errors()]).toEqual([0, expect.stringContaining("report:")]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("reads what there is of a recording that was cut short with --truncated keep, which the error names", async () => {
    const short = join(folder, "short");
    cpSync(data, short, { recursive: true });
    truncateSync(join(short, "3.bs2"), 5 * 100 + 2);
    const options = ["--data", short, "--cache", join(folder, "short-cache"), "--epochs", "1"];
    const refused = start(join(folder, "never"), options);
    expect([await ended(refused), refused.errors()]).toEqual([
      1,
      expect.stringContaining("or pass --truncated keep for the events before that point"),
    ]);
    const kept = start(join(folder, "kept"), [...options, "--truncated", "keep"]);
    expect([await ended(kept), kept.errors()]).toEqual([0, expect.stringContaining("TruncatedRecordingWarning")]);
  });

  it("leaves its settings, metrics, checkpoints, report and numbers", () => {
    for (const name of ["config.json", "metrics.jsonl", "last.safetensors", "best.safetensors", "report.html"]) {
      expect([name, existsSync(join(whole, name))]).toEqual([name, true]);
    }
    const config = JSON.parse(readFileSync(join(whole, "config.json"), "utf8"));
    expect(config).toMatchObject({ dataset: "n-mnist", block: "sew-add", batch: 2, seed: 0, frames: 4 });
    const numbers = JSON.parse(readFileSync(join(folder, "numbers.json"), "utf8"));
    expect(numbers).toMatchObject({ dataset: "n-mnist", epochs: 3 });
    expect(numbers.bestTop1).toBeGreaterThanOrEqual(0.5);
    expect(readFileSync(join(whole, "report.html"), "utf8")).toContain(
      "c32k3s1-BN-PLIF-{SEW ADD Block(c32)-MPk2s2}*4-FC10",
    );
  });

  it.each([1, 2])("ends with the same weights when it is killed and resumed, on %i threads", async (threads) => {
    const out = join(folder, `killed-${threads}`);
    const killed = start(out, [], threads);
    // Into the second epoch, that is after the first checkpoint.
    while (!existsSync(join(out, "last.safetensors")) && killed.exitCode === null) await setTimeout(5);
    await setTimeout(100);
    killed.kill("SIGKILL");
    await ended(killed);
    expect(readFileSync(join(out, "metrics.jsonl"), "utf8").split("\n").length - 1).toBeLessThan(3);
    const resumed = start(out, ["--resume"], threads);
    expect([await ended(resumed), resumed.errors()]).toEqual([0, expect.stringContaining("resuming")]);
    expect(await state(out)).toEqual(await state(whole));
  });

  it("ends with the same weights when it computes currents again in the backward pass from the middle on", async () => {
    const out = join(folder, "recomputed");
    const killed = start(out);
    while (!existsSync(join(out, "last.safetensors")) && killed.exitCode === null) await setTimeout(5);
    killed.kill("SIGKILL");
    await ended(killed);
    const resumed = start(out, ["--resume", "--recompute"]);
    expect([await ended(resumed), resumed.errors()]).toEqual([0, expect.stringContaining("resuming")]);
    expect(JSON.parse(readFileSync(join(out, "config.json"), "utf8"))).toMatchObject({ recompute: true });
    expect(await state(out)).toEqual(await state(whole));
  });

  it("trains in bfloat16 where it is asked to, and says when that changes nothing", async () => {
    const out = join(folder, "bf16");
    const child = start(out, ["--precision", "bf16"]);
    expect(await ended(child)).toBe(0);
    const { environment } = JSON.parse(readFileSync(join(out, "config.json"), "utf8"));
    const changes = environment.backend === "native" && hasBfloat16();
    expect(child.errors().includes("--precision bf16 changes nothing")).toBe(!changes);
    if (environment.backend === "native") expect(environment.precision).toBe("bf16");
    if (changes) expect(await state(out)).not.toEqual(await state(whole));
    else expect(await state(out)).toEqual(await state(whole));
    const resumed = start(out, ["--resume", "--precision", "float32"]);
    expect(await ended(resumed)).toBe(environment.backend === "native" ? 1 : 0);
  });

  it("refuses to resume a run of another block, and leaves its checkpoint alone", async () => {
    const before = await state(whole);
    const child = start(whole, ["--resume", "--block", "plain"]);
    expect(await ended(child)).toBe(1);
    expect(child.errors()).toContain(join(whole, "last.safetensors"));
    expect(child.errors()).toContain("sew-add");
    expect(await state(whole)).toEqual(before);
  });

  it("refuses a folder that holds a run, and leaves all of it alone, its settings included", async () => {
    const names = ["config.json", "metrics.jsonl", "last.safetensors", "best.safetensors", "report.html"];
    const files = () => names.map((name) => readFileSync(join(whole, name), "base64"));
    const before = files();
    const child = start(whole, ["--seed", "7"]);
    expect(await ended(child)).toBe(1);
    expect(child.errors()).toContain(`${whole} holds a run already; --resume continues it, --overwrite replaces it`);
    expect(files()).toEqual(before);
  });

  it("names a missing folder of recordings", async () => {
    const child = start(join(folder, "none"), ["--data", join(folder, "nowhere")]);
    expect(await ended(child)).toBe(1);
    expect(child.errors()).toContain(
      `--data: dir must be a folder, got "${join(folder, "nowhere")}", which does not exist; name the folder of N-MNIST`,
    );
  });
});
