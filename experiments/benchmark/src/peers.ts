/** @file pnpm bench peers: SpikingJelly, in every way that a CPU runs it, and ours, on the same works. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { constants, cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeAtomic } from "@sew/files";
import { printable } from "@sew/kernels";
import { checkSameNetwork, type Found, figuresOf } from "./peers/figures.js";
import { type Failed, type Measured, measure, versionsOf } from "./peers/measure.js";
import { parseOptions } from "./peers/options.js";
import { markdown, summaryTable, type WorkFigures, wayTable } from "./peers/tables.js";
import { environmentOf, type Way } from "./peers/ways.js";
import { waysFor, works } from "./peers/works.js";
import { WARM_UP } from "./timing.js";

const { python, names, ways, rounds, runs, threads, silence, json } = parseOptions(process.argv.slice(3));

const ours = fileURLToPath(new URL("./peers/ours.js", import.meta.url));
// Not compiled: beside src, and this file in dist/src.
const theirs = fileURLToPath(new URL("../../peers/measure.py", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "sew-peers-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    printFiguresSoFar();
    process.exit(128 + constants.signals[signal]);
  });
}
const input = join(folder, "input.f32");
// Compiled code is kept from one round to the next, and longer only where the user says so.
const { TORCHINDUCTOR_CACHE_DIR = join(folder, "compiled") } = process.env;

/** Measures a way to run a work in a process of its own. */
function inOwnProcess(name: string, way: Way): Promise<Measured | Failed> {
  if (way.side === "ours") {
    const args = [ours, name, way.name, String(runs)];
    return measure({ file: process.execPath, args, env: { SEW_THREADS: String(threads) } }, silence);
  }
  const { network, shape, classes, pass } = works.get(name)!;
  const work = JSON.stringify({ network, shape, classes, pass, way: way.name, threads, warmUp: WARM_UP, runs, input });
  const count = String(threads);
  const env = { OMP_NUM_THREADS: count, MKL_NUM_THREADS: count, TORCHINDUCTOR_CACHE_DIR, ...environmentOf(way) };
  return measure({ file: python, args: [theirs, work], env }, silence);
}

/** Minutes until all is done, from the mean of what was. */
function left(done: number, all: number, start: number): string {
  if (done === 0) return "";
  return `, about ${Math.ceil((((performance.now() - start) / done) * (all - done)) / 60_000)} min left`;
}

const tables = json.replace(/\.json$/, ".md");
let isWritten = false;

/** Says where the figures of a run that stops early are. */
function printFiguresSoFar(): void {
  if (isWritten) console.error(printable(`figures so far: ${json}, tables: ${tables}`));
}

/** Writes the figures so far. */
async function write(figures: readonly WorkFigures[], versions: Readonly<Record<string, string>>): Promise<void> {
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, threads, node: process.version, ...versions };
  const { cpu, cores, ...rest } = machine;
  const software = Object.entries(rest).map(([key, value]) => `${key} ${value}`);
  const text = markdown(figures, [`${cpu}, ${cores} cores`, ...software].join(", "));
  const date = new Date().toISOString();
  const record = `${JSON.stringify({ machine, date, rounds, runs, works: figures }, null, 2)}\n`;
  await mkdir(dirname(json), { recursive: true });
  await writeAtomic(json, [Buffer.from(record)], "peers");
  await writeAtomic(tables, [Buffer.from(text)], "peers");
  isWritten = true;
}

try {
  const versions = { ...(await versionsOf({ file: python, args: [theirs], env: {} }, silence)) };
  const all = rounds * names.reduce((sum, name) => sum + waysFor(name, ways).length, 0);
  const start = performance.now();
  let done = 0;
  const figures: WorkFigures[] = [];
  for (const name of names) {
    const { input: inputOf, shape } = works.get(name)!;
    writeFileSync(input, inputOf(shape));
    const found = new Map<Way, Found[]>(waysFor(name, ways).map((way) => [way, []]));
    for (let round = 1; round <= rounds; round++) {
      for (const [way, results] of found) {
        const what = `${name}, ${way.name}${rounds > 1 ? `, round ${round} of ${rounds}` : ""}`;
        console.error(`${done + 1} of ${all}: ${what}${left(done, all, start)}`);
        // What failed once is not tried again: it may have taken long.
        if (!results.some((result) => "failed" in result)) results.push(await inOwnProcess(name, way));
        checkSameNetwork(name, found);
        Object.assign(versions, ...results.map((result) => ("versions" in result ? result.versions : {})));
        // After each process: the next one may take long, and be stopped.
        await write([...figures, figuresOf(name, found)], versions);
        done++;
      }
    }
    figures.push(figuresOf(name, found));
    console.log(`\n${name}\n\n${wayTable(figures.at(-1)!)}`);
  }
  console.log(`${summaryTable(figures)}\nevery figure: ${json}, tables: ${tables}`);
  if (figures.every((work) => work.ways.every((way) => "failed" in way))) {
    console.error("error: peers: all ways failed; the tables have the reasons");
    process.exitCode = 1;
  }
} catch (error) {
  console.error(printable(`error: ${(error as Error).message}`));
  printFiguresSoFar();
  process.exitCode = 1;
}
