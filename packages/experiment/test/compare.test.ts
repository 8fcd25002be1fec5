import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runExperiment } from "@sew/experiment";
import { lock } from "@sew/files";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { elsewhere, json, present, run, tensors } from "./runs.js";
import { tiny } from "./tinyExperiment.mjs";

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sew-compare-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const green = { SEW_TEST_SKY: "green" };
const blocks = (out: string, ...more: string[]) => ["--compare", "blocks", "--out", out, "--epochs", "2", ...more];

describe("a comparison", () => {
  it("makes each run with each seed, and one report; made again, it makes the seeds that are new", async () => {
    const out = temporaryFolder();
    const first = await elsewhere(green, ...blocks(out, "--seeds", "0,1"));
    expect([first.code, first.err]).toEqual([0, expect.stringContaining("holds: the sky is green")]);
    const folders = ["sew-add-seed-0", "sew-add-seed-1", "plain-seed-0", "plain-seed-1"];
    expect(present(out, [...folders, "report.html", "results.md", "results.json"])).toHaveLength(7);
    expect(json(out, "plain-seed-1", "config.json")).toMatchObject({ block: "plain", seed: 1, width: 2 });
    const [, , row] = readFileSync(join(out, "results.md"), "utf8")
      .split("\n")
      .filter((line) => line.startsWith("|"));
    expect(row).toMatch(/^\| sew-add \| 2 \| 0\.\d{3} ± 0\.\d{3} \| /);
    const { options } = json(out, "results.json") as { options: string[] };
    expect(options).toContain("--epochs=2");
    expect(options.filter((word) => /^--(block|width)/.test(word))).toEqual([]);
    expect(readFileSync(join(out, "report.html"), "utf8")).not.toContain("--block=");
    const made = folders.map((folder) => statSync(join(out, folder, "last.safetensors")).mtimeMs);
    const second = await elsewhere(green, ...blocks(out, "--seeds", "0,1,2"));
    expect([second.code, second.err]).toEqual([0, expect.stringContaining("6 runs, 4 of them there already")]);
    expect(folders.map((folder) => statSync(join(out, folder, "last.safetensors")).mtimeMs)).toEqual(made);
  });

  it("ends with status 1 where a claim does not hold", async () => {
    const ended = await elsewhere({}, ...blocks(temporaryFolder()));
    expect([ended.code, ended.err]).toEqual([1, expect.stringContaining("DOES NOT HOLD: the sky is green")]);
  });

  it("goes on where a run was stopped, and ends as if it had not been", async () => {
    const [out, whole] = [temporaryFolder(), temporaryFolder()];
    const stopped = await elsewhere({ ...green, SEW_TEST_INTERRUPT: "6" }, ...blocks(out, "--jobs", "1"));
    expect([stopped.code, stopped.err]).toEqual([130, expect.stringContaining("stopped; the same command continues")]);
    expect(existsSync(join(out, "report.html"))).toBe(false);
    for (const folder of [out, whole]) expect((await elsewhere(green, ...blocks(folder))).code).toBe(0);
    for (const name of ["sew-add-seed-0", "plain-seed-0"]) {
      expect(await tensors(join(out, name))).toEqual(await tensors(join(whole, name)));
    }
  });

  /** Starts a long comparison of one run, and waits until that has a checkpoint. */
  async function begun(out: string, env: Readonly<Record<string, string>> = {}) {
    const main = fileURLToPath(new URL("./tinyExperiment.mjs", import.meta.url));
    const options = ["--backend", "cpu", "--compare", "blocks", "--out", out, "--epochs", "1000", "--jobs", "1"];
    const child = spawn(process.execPath, [main, ...options], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...env },
    });
    let text = "";
    child.stderr.on("data", (chunk) => {
      text += chunk;
    });
    const folder = join(out, "sew-add-seed-0");
    await until(() => existsSync(join(folder, "last.safetensors")));
    return { child, text: () => text, log: () => readFileSync(join(folder, "log.txt"), "utf8") };
  }

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  it("passes a signal on to its runs, which save", async () => {
    const { child, text, log } = await begun(temporaryFolder());
    child.kill("SIGTERM");
    const [code] = await once(child, "close");
    expect([code, text()]).toEqual([130, expect.stringContaining("stopped; the same command continues")]);
    expect(log()).toContain("resume by: ");
  });

  it("that is killed leaves no run behind: it saves and ends", async () => {
    const { child, log } = await begun(temporaryFolder());
    child.kill("SIGKILL");
    await until(() => log().includes("resume by: "));
    expect(log()).toContain("SIGTERM: stopping after this step");
  });

  it("waits for a run that still writes to a folder of its own, and says so, until a signal stops it", async () => {
    const out = temporaryFolder();
    const first = await begun(out);
    const held = await lock(join(out, "plain-seed-0", "run.lock"));
    first.child.kill("SIGTERM");
    await once(first.child, "close");
    writeFileSync(join(out, "sew-add-seed-0", "numbers.json"), "{}");
    const second = await begun(out);
    const waiting = `plain: waiting for process ${process.pid} on host`;
    await until(() => second.text().includes(waiting));
    expect(second.text()).toContain(`, which writes to ${join(out, "plain-seed-0")}\n`);
    second.child.kill("SIGTERM");
    expect(await once(second.child, "close")).toEqual([130, null]);
    const third = await begun(out);
    await until(() => third.text().includes(waiting));
    await held.release();
    await until(() => existsSync(join(out, "plain-seed-0", "last.safetensors")));
    third.child.kill("SIGTERM");
    await once(third.child, "close");
  });

  it("makes the other runs where one fails, says why, and ends with status 1", async () => {
    const out = temporaryFolder();
    const { code, err } = await elsewhere({}, "--compare", "failing", "--out", out);
    expect(code).toBe(1);
    expect(err).toContain(
      `not there, seed 0: failed, see ${join(out, "not-there-seed-0", "log.txt")}: error: --data: dir must be a folder, got "nowhere"`,
    );
    expect(err).toContain("1 of 2 runs failed; the same command tries them again");
    expect(readFileSync(join(out, "results.md"), "utf8")).toMatch(/\| not there \| 0 \| – \|.*\n\| there \| 1 \| 0\./);
  });

  it("leaves out runs whose options have no effect or that equal others, and passes on the options that have one", async () => {
    const out = temporaryFolder();
    const options = ["--dataset", "dots", "--frames", "3", "--train-frames", "all", "--epochs", "1", "--neuron", "lif"];
    const refused = await run("--compare", "kept", "--out", out, ...options);
    expect([refused.code, refused.err]).toEqual([
      2,
      expect.stringContaining("error: --train-frames has no effect on --compare kept, whose runs have their own"),
    ]);
    const cached = [...options.toSpliced(4, 2), "--cache", temporaryFolder()];
    const { code, err } = await elsewhere({}, "--compare", "kept", "--out", out, ...cached);
    expect(code).toBe(0);
    expect(err).toContain("left out: loud: --loud-labels has no effect with --dataset dots\n");
    expect(present(out, ["some-seed-0", "all-seed-0", "loud-seed-0", "ann-seed-0"])).toEqual([
      "some-seed-0",
      "all-seed-0",
      "ann-seed-0",
    ]);
    expect(json(out, "some-seed-0", "config.json")).toMatchObject({ trainFrames: 2, neuron: "lif" });
    expect(json(out, "all-seed-0", "config.json")).toMatchObject({ trainFrames: "all", neuron: "lif" });
    expect(json(out, "ann-seed-0", "config.json")).not.toHaveProperty("neuron");
    expect(readFileSync(join(out, "results.md"), "utf8")).not.toContain("all are asked of all");
    const equal = await elsewhere({}, "--compare", "kept", "--out", temporaryFolder(), "--dataset", "untested");
    expect(equal.err).toContain("left out: all: it is the same run as some\n");
  });

  it("has a run that diverges as it may for a result, which is not made again, and one that may not for a failure", async () => {
    const out = temporaryFolder();
    const options = ["--compare", "rates", "--out", out, "--epochs", "1", "--schedule", "constant"];
    const first = await elsewhere({}, ...options);
    const at = /(loss|gradients|running statistics|weights) must be finite, got .+ step \d+ \(all from 0\)/.source;
    expect(first.code).toBe(1);
    expect(first.err).toMatch(new RegExp(`too high, seed 0: diverged, training: ${at}\n`));
    expect(first.err).toMatch(new RegExp(`unexpected, seed 0: failed, see .*: error: training: ${at}; `));
    expect(first.err).toContain("1 of 3 runs failed; the same command tries them again");
    const results = readFileSync(join(out, "results.md"), "utf8");
    expect(results).toMatch(/^\| too high \| 1 \| diverged \| diverged \|/m);
    expect(results).toMatch(/^\| fine \| 1 \| \d+\.\d{3} \|/m);
    expect(results).toMatch(new RegExp(`^- too high, seed 0: diverged, training: ${at}$`, "m"));
    expect(json(out, "results.json").results).toMatchObject([
      { name: "too high", runs: [], diverged: [{ seed: 0, text: expect.stringContaining("must be finite") }] },
      { name: "fine", runs: [{ seed: 0 }], diverged: [] },
      { name: "unexpected", runs: [], diverged: [] },
    ]);
    const second = await elsewhere({}, ...options);
    expect([second.code, second.err]).toEqual([1, expect.stringContaining("3 runs, 2 of them there already")]);
  });

  it("refuses an option that has no effect on any run", async () => {
    const { code, err } = await run("--seeds", "0,1", "--dataset", "dots", "--steps", "2", "--out", temporaryFolder());
    expect([code, err]).toEqual([2, expect.stringContaining("error: --steps has no effect with --dataset dots")]);
  });

  it("is refused in a folder of another one, of runs of none, and of damaged results, which it names", async () => {
    const out = temporaryFolder();
    await elsewhere(green, ...blocks(out));
    const remedy = "the same command continues it, --overwrite replaces it, --out names another folder";
    const other = await run("--compare", "blocks", "--out", out, "--epochs", "3");
    expect([other.code, other.err]).toEqual([
      1,
      `error: --out: ${out} must hold this comparison, got one of other options or runs; ${remedy}\n`,
    ]);
    const numbers = join(out, "plain-seed-0", "numbers.json");
    writeFileSync(numbers, '{"a');
    const damaged = await run(...blocks(out));
    expect([damaged.code, damaged.err]).toEqual([
      1,
      expect.stringContaining(`comparison: ${numbers} must hold a JSON object`),
    ]);
    rmSync(join(out, "comparison.json"));
    const foreign = await run(...blocks(out));
    expect([foreign.code, foreign.err]).toEqual([
      1,
      `error: --out: ${out} must hold a comparison, got ${join(out, "sew-add-seed-0")} without comparison.json; ${remedy}\n`,
    ]);
  });

  it("is refused where the seeds of a run have other data or another arithmetic", async () => {
    const out = temporaryFolder();
    await elsewhere(green, ...blocks(out));
    const file = join(out, "plain-seed-0", "config.json");
    const config = json(file);
    writeFileSync(file, JSON.stringify({ ...config, fingerprints: { train: "other" } }));
    const { code, err } = await elsewhere(green, ...blocks(out, "--seeds", "0,1"));
    expect([code, err]).toEqual([
      1,
      expect.stringContaining(
        `comparison: runs of plain must have the same data, backend and precision, got others in ` +
          `${join(out, "plain-seed-0")} and ${join(out, "plain-seed-1")}; remove the folder of one of them`,
      ),
    ]);
  });

  it("says how to go on without losing what an overwriting one has made", async () => {
    const out = temporaryFolder();
    const stopped = await elsewhere(
      { ...green, SEW_TEST_INTERRUPT: "6" },
      ...blocks(out, "--jobs", "1", "--overwrite"),
    );
    expect(stopped.err).toContain("stopped; the same command without --overwrite continues");
  });

  it("tries the others where the folder of a run cannot be made", async () => {
    const out = temporaryFolder();
    writeFileSync(join(out, "comparison.json"), "");
    const again = await elsewhere(green, ...blocks(out, "--overwrite"));
    expect(again.code).toBe(0);
    for (const name of ["plain-seed-1", "sew-add-seed-1"]) expect(existsSync(join(out, name))).toBe(false);
    writeFileSync(join(out, "plain-seed-1"), "");
    const { code, err } = await elsewhere(green, ...blocks(out, "--seeds", "0,1"));
    expect([code, err]).toEqual([1, expect.stringContaining("plain, seed 1: failed: EEXIST")]);
    expect(existsSync(join(out, "sew-add-seed-1", "numbers.json"))).toBe(true);
  });

  it.each([
    [["A+", "A-"], '"A+" and "A-"'],
    [["α"], '"α"'],
  ])("refuses runs whose names %j would share a folder", async (names, got) => {
    const runs = names.map((name) => ({ name, options: [] }));
    const experiment = { ...tiny, comparisons: { collide: { title: "x", runs } } };
    const write = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
    const code = await runExperiment(experiment, ["--compare", "--out", temporaryFolder()]);
    const text = write.mock.calls.map(([chunk]) => chunk).join("");
    write.mockRestore();
    expect([code, text]).toEqual([
      1,
      `error: defineExperiment: runs of a comparison must have names that differ in Latin letters and digits, got ${got}\n`,
    ]);
  });

  it.each([
    [["--compare", "block"], "It must be one of failing, kept, rates, blocks, none. Did you mean blocks?"],
    [["--seeds", "0,1,0"], "It must name each seed once."],
    [["--seeds", "0,x"], "It must be an integer of at least 0."],
    [
      ["--seeds", "1", "--evaluate"],
      "error: --seeds and --evaluate exclude each other; a comparison continues by itself",
    ],
    [["--compare", "blocks", "--resume"], "error: --compare and --resume exclude each other"],
    [["--seeds", "0,1", "--seed", "5"], "error: --seed has no effect on several runs; --seeds has"],
    [
      ["--compare", "blocks", "--width", "3"],
      "error: --width has no effect on --compare blocks, whose runs have their own",
    ],
    [["--jobs", "2"], "error: --jobs needs --compare or --seeds"],
  ])("refuses %j", async (argv, message) => {
    const { code, err } = await run(...argv);
    expect([code, err]).toEqual([2, expect.stringContaining(message)]);
  });
});
