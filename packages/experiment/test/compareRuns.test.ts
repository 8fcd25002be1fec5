import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compareRuns } from "@sew/experiment";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { json, run } from "./runs.js";

const home = process.cwd();
const folder = mkdtempSync(join(tmpdir(), "sew-compare-runs-"));

beforeAll(async () => {
  process.chdir(folder);
  const runs = [
    ["add-seed-0", "--seed", "0"],
    ["add-seed-1", "--seed", "1"],
    ["plain", "--block", "plain", "--width", "2"],
    ["wild", "--learning-rate", "1e30"],
  ];
  for (const [name, ...options] of runs) {
    const { code } = await run(...options, "--epochs", "2", "--out", join("runs", "tiny", name!));
    expect([name, code]).toEqual([name, name === "wild" ? 1 : 0]);
  }
  // As if it had been killed behind its first epoch.
  const killed = join("runs", "tiny", "killed");
  cpSync(join("runs", "tiny", "plain"), killed, { recursive: true });
  rmSync(join(killed, "numbers.json"));
  const file = join(killed, "metrics.jsonl");
  writeFileSync(file, `${readFileSync(file, "utf8").split("\n")[0]}\n`);
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true, force: true });
});

const of = (...names: string[]) => names.map((name) => join("runs", "tiny", name));
const linesOf = (out: string) => readFileSync(join(out, "results.md"), "utf8").trimEnd().split("\n");
const table = (lines: readonly string[]) =>
  lines
    .filter((line) => line.startsWith("|"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

describe("compareRuns", () => {
  it("shows the settings that differ and no others, curves, and a row for each result with the spread of its seeds", async () => {
    const out = await compareRuns(of("add-seed-0", "add-seed-1", "plain"), { out: "two" });
    expect(out).toBe("two");
    expect(readdirSync(out).sort()).toEqual(["report.html", "results.json", "results.md"]);
    const rows = table(linesOf(out));
    expect(rows[0]).toEqual([
      "run",
      "seeds",
      "training loss",
      "training top-1",
      "top-1, last epoch",
      "top-1, best epoch",
      "epochs",
      "time per epoch",
    ]);
    expect(rows[2]!.slice(0, 3)).toEqual(["add", "2", expect.stringMatching(/^\d\.\d{3} ± \d\.\d{3}$/)]);
    expect(rows[3]!.slice(0, 3)).toEqual(["plain", "1", expect.stringMatching(/^\d\.\d{3}$/)]);
    const differing = Object.fromEntries(rows.slice(5).map(([name, ...values]) => [name, values]));
    expect(rows[4]).toEqual(["setting", "add", "plain"]);
    expect(differing).toMatchObject({
      block: ["sew-add", "plain"],
      width: ["4", "2"],
      learningRate: ["0.02", "0.01"],
      seed: ["0, 1", "0"],
    });
    for (const same of ["epochs", "batch", "dataset", "out", "command", "fingerprints.train", "environment.backend"]) {
      expect(Object.keys(differing)).not.toContain(same);
    }
    expect(differing.folders).toEqual([of("add-seed-0", "add-seed-1").join(", "), "runs/tiny/plain"]);
    const page = readFileSync(join(out, "report.html"), "utf8");
    for (const title of ["Training loss", "Training top-1", "Evaluation loss", "Evaluation top-1"]) {
      expect(page).toContain(`aria-label="${title}, epoch 1 to 2; at the end add `);
    }
  });

  it("takes runs of several commits for several results, and names the folders and other settings of one result", async () => {
    const [later] = of("later-seed-1");
    cpSync(of("add-seed-1")[0]!, later!, { recursive: true });
    const config = json(later!, "config.json") as { environment: object };
    const write = (changed: object) => writeFileSync(join(later!, "config.json"), JSON.stringify(changed));
    write({ ...config, commit: "b".repeat(40) });
    await compareRuns([...of("add-seed-0"), later!], { out: "commits" });
    const rows = table(linesOf("commits"));
    expect(rows.slice(2, 4).map(([name, seeds]) => [name, seeds])).toEqual([
      ["add", "1"],
      ["later", "1"],
    ]);
    expect(rows.find(([name]) => name === "commit")![2]).toBe("b".repeat(12));
    write({ ...config, environment: { ...config.environment, cpu: "another" } });
    await compareRuns([...of("add-seed-0"), later!], { out: "machines" });
    const one = table(linesOf("machines"));
    expect(one[2]!.slice(0, 2)).toEqual(["add", "2"]);
    expect(one.find(([name]) => name === "folders")![1]).toBe(`${of("add-seed-0")[0]}, ${later}`);
    expect(one.find(([name]) => name === "environment.cpu")![1]).toMatch(/, another$/);
    rmSync(later!, { recursive: true });
  });

  it("draws a network in the colour of its family, by whatever name its folder has", async () => {
    const [odd] = of("odd");
    cpSync(of("plain")[0]!, odd!, { recursive: true });
    const out = await compareRuns([odd!, ...of("add-seed-0")], { out: "colours" });
    const keys = [...readFileSync(join(out, "report.html"), "utf8").matchAll(/style="color:([^"]*)"><\/i>(odd|add)/g)];
    const colours = new Set(keys.map(([, colour, name]) => `${name} ${colour}`));
    expect([...colours]).toEqual(["odd var(--fifth)", "add var(--first)"]);
    rmSync(odd!, { recursive: true });
  });

  it("says which runs diverged and which are unfinished, and shows what they have", async () => {
    const out = await compareRuns(of("wild", "killed", "plain"), { out: "others", title: "Others" });
    const lines = linesOf(out);
    expect(lines[0]).toBe("# Others");
    const rows = table(lines);
    expect(rows.slice(2, 5).map(([name, , loss]) => [name, loss])).toEqual([
      ["wild", "diverged"],
      ["killed", expect.stringMatching(/^\d\.\d{3}$/)],
      ["plain", expect.stringMatching(/^\d\.\d{3}$/)],
    ]);
    expect(lines).toContain("- killed, seed 0: unfinished, 1 of 2 epochs");
    expect(lines.find((line) => line.startsWith("- wild"))).toMatch(
      /^- wild, seed 0: diverged, training: .*must be finite/,
    );
  });

  it("takes a folder of a comparison for its runs, and a run that is named twice once", async () => {
    const all = join("runs", "sweep");
    mkdirSync(all);
    writeFileSync(join(all, "comparison.json"), "{}");
    for (const name of ["add-seed-0", "plain"]) cpSync(of(name)[0]!, join(all, name), { recursive: true });
    await compareRuns([all, join(all, "plain")], { out: "sweep" });
    expect(json("sweep", "results.json")).toMatchObject({ runs: [join(all, "add-seed-0"), join(all, "plain")] });
    rmSync(all, { recursive: true });
  });

  it("reads the files of older runs, without numbers and without later fields", async () => {
    const [old] = of("old");
    cpSync(of("plain")[0]!, old!, { recursive: true });
    rmSync(join(old!, "numbers.json"));
    const file = join(old!, "metrics.jsonl");
    const kept = readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => {
        const { testTop1PerStep, gradientNorms, firingRates, timeConstants, dataWait, ...rest } = JSON.parse(line);
        return `${JSON.stringify(rest)}\n`;
      });
    writeFileSync(file, kept.join(""));
    await compareRuns([old!], { out: "old" });
    expect(linesOf("old").filter((line) => line.includes("unfinished"))).toEqual([]);
    rmSync(old!, { recursive: true });
  });

  it("draws published curves beside the runs', with their source and licence", async () => {
    const file = "published.json";
    const curve = { name: "SEW ADD, authors", trainLoss: [2, 1, 0.5], trainTop1: [0.1, 0.2, 0.9] };
    const runs = [{ ...curve, secondsPerEpoch: 11.4, machine: "one A100" }];
    writeFileSync(file, JSON.stringify({ source: "Their logs.", dataset: "stripes", licence: "MPL-2.0", runs }));
    const out = await compareRuns(of("plain"), { out: "published", published: file });
    const lines = linesOf(out);
    expect(table(lines)[3]).toEqual(["SEW ADD, authors", "1", "0.500", "90.0 %", "–", "–", "3", "11 s"]);
    expect(lines).toContain("- Their logs. Data set: stripes. Licence: MPL-2.0. Times are those of one A100.");
    await compareRuns([], { out: "alone", published: file });
    expect(readFileSync(join("alone", "report.html"), "utf8")).toContain("at the end SEW ADD, authors 0.5");
    expect(linesOf("alone")[0]).toBe("# Published curves");
  });

  it("says of which data sets runs and published curves are, and where they differ", async () => {
    const content = { source: "Their logs.", licence: "none", runs: [{ name: "Theirs", trainLoss: [1] }] };
    const noteOf = async (dataset: string) => {
      writeFileSync("data.json", JSON.stringify({ ...content, dataset }));
      const out = await compareRuns(of("plain"), { out: "data", published: "data.json", overwrite: true });
      expect(readFileSync(join(out, "report.html"), "utf8")).toContain("tiny on stripes");
      return linesOf(out).filter((line) => line.startsWith("- Theirs"));
    };
    expect(await noteOf("stripes")).toEqual([]);
    expect(await noteOf("dvs-gesture")).toEqual(["- Theirs: of dvs-gesture, and not comparable with runs of stripes"]);
  });

  it("finds the curves that belong to an experiment", async () => {
    mkdirSync(join("experiments", "tiny"), { recursive: true });
    const runs = [{ name: "Stripes, authors", trainLoss: [1] }];
    writeFileSync(
      join("experiments", "tiny", "published.json"),
      JSON.stringify({ source: "Theirs.", dataset: "stripes", licence: "none", runs }),
    );
    const out = await compareRuns(of("plain"), { out: "own", published: true });
    expect(table(linesOf(out))[3]![0]).toBe("Stripes, authors");
    rmSync("experiments", { recursive: true });
    await expect(compareRuns(of("plain"), { out: "never", published: true })).rejects.toThrow(
      new RangeError("--published: runs must be of an experiment with published curves, got tiny; name a file of them"),
    );
  });

  it("refuses a folder and a missing file as published curves, and an empty title", async () => {
    const remedy = "put RUN before --published, or write --published=FILE";
    for (const [published, got] of [
      [of("plain")[0]!, "the folder runs/tiny/plain"],
      ["nowhere.json", "nowhere.json, which does not exist"],
    ] as const) {
      await expect(compareRuns(of("plain"), { out: "never", published })).rejects.toThrow(
        new RangeError(`--published: must name a file of curves, got ${got}; ${remedy}`),
      );
    }
    await expect(compareRuns(of("plain"), { out: "never", title: " " })).rejects.toThrow(
      new RangeError('--title: must have characters other than spaces, got " "; leave it out for a title by itself'),
    );
    expect(existsSync("never")).toBe(false);
  });

  it("says of a diverged run by itself that it is one", async () => {
    await compareRuns(of("wild"), { out: "wild" });
    expect(table(linesOf("wild")).slice(0, 3)).toEqual([
      ["run", "seeds", "training loss"],
      ["---", "--:", "--:"],
      ["wild", "1", "diverged"],
    ]);
  });

  it.each([
    [{ source: "s", licence: "l", runs: [] }, "other fields"],
    [{ source: "s", dataset: "d", runs: [] }, "other fields"],
    [{ source: "s", dataset: "d", licence: "l", runs: [{ name: "a" }] }, "no trainLoss of a"],
    [{ source: "s", dataset: "d", licence: "l", runs: [{ trainLoss: [1] }] }, "no name of run 0"],
    [
      { source: "s", dataset: "d", licence: "l", runs: [{ name: "a", trainLoss: [1], testTop1: [1, 2] }] },
      "other testTop1 of a",
    ],
  ])("refuses other files of published curves: %j", async (content, got) => {
    writeFileSync("wrong.json", JSON.stringify(content));
    await expect(compareRuns(of("plain"), { out: "never", published: "wrong.json" })).rejects.toThrow(
      new RangeError(
        `--published: wrong.json must hold source, dataset, licence and runs with one value for each epoch, got ${got}`,
      ),
    );
  });

  it("has a folder of its own without out, and replaces no other", async () => {
    expect(await compareRuns(of("plain"))).toBe(join("runs", "compare"));
    expect(await compareRuns(of("plain"))).toBe(join("runs", "compare-2"));
    await expect(compareRuns(of("plain"), { out: join("runs", "compare") })).rejects.toThrow(
      new RangeError(
        "--out: runs/compare holds a comparison already; --overwrite replaces it, --out names another folder",
      ),
    );
    expect(await compareRuns(of("plain"), { out: join("runs", "compare"), overwrite: true })).toBe("runs/compare");
    await expect(compareRuns(of("plain"), { out: of("plain")[0], overwrite: true })).rejects.toThrow(
      new RangeError("--out: runs/tiny/plain must hold no run, got config.json; name another folder"),
    );
    for (const [file, kind] of [
      ["comparison.json", "comparison"],
      ["check.json", "gradient check"],
      ["rates.json", "report on firing rates"],
    ]) {
      const other = join("runs", file!);
      mkdirSync(other);
      writeFileSync(join(other, file!), "{}");
      await expect(compareRuns(of("plain"), { out: other, overwrite: true })).rejects.toThrow(
        new RangeError(`--out: ${other} must hold no ${kind}, got ${file}; name another folder`),
      );
      rmSync(other, { recursive: true });
    }
  });

  it.each(["{}", '{ "identity": { "depth": 18 } }', "[]"])(
    "refuses a folder whose config.json is none of a run: %s",
    async (text) => {
      mkdirSync("other");
      writeFileSync(join("other", "config.json"), text);
      await expect(compareRuns(["other", ...of("plain")], { out: "never" })).rejects.toThrow(
        new RangeError(
          'compare: RUN must be the folder of a run, got "other", whose config.json names no experiment; leave it out',
        ),
      );
      rmSync("other", { recursive: true });
      expect(existsSync("never")).toBe(false);
    },
  );

  it("suggests the nearest run for a folder that holds none", async () => {
    await expect(compareRuns(of("plian"))).rejects.toThrow(
      new RangeError(
        'compare: RUN must be the folder of a run, got "runs/tiny/plian", which does not exist; did you mean runs/tiny/plain?',
      ),
    );
    await expect(compareRuns([join("runs", "tiny")])).rejects.toThrow(
      'compare: RUN must be the folder of a run, got "runs/tiny", which has no config.json; did you mean runs/tiny/',
    );
    await expect(compareRuns([])).rejects.toThrow(
      new RangeError("compare: RUN must be one folder of a run or more, got none; name some"),
    );
  });

  it("names a file that is damaged", async () => {
    const [damaged] = of("damaged");
    cpSync(of("plain")[0]!, damaged!, { recursive: true });
    writeFileSync(join(damaged!, "metrics.jsonl"), '{"epoch":');
    await expect(compareRuns([damaged!], { out: "never" })).rejects.toThrow(
      /^comparison: runs\/tiny\/damaged\/metrics.jsonl must hold a JSON object, got .*; restore it from a copy, or leave the run out$/,
    );
    rmSync(damaged!, { recursive: true });
    expect(existsSync("never")).toBe(false);
  });

  it("is a command, whose errors end with status 1", () => {
    const main = fileURLToPath(new URL("../dist/compareMain.js", import.meta.url));
    const command = (...argv: string[]) => spawnSync(process.execPath, [main, ...argv], { encoding: "utf8" });
    const good = command(...of("plain", "wild"), "--out", "by-command");
    expect([good.status, good.stderr]).toEqual([0, "report: by-command/report.html, by-command/results.md\n"]);
    const bad = command("nowhere");
    expect([bad.status, bad.stderr]).toEqual([1, expect.stringMatching(/^error: compare: RUN must be the folder/)]);
  });
});
