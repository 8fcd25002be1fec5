// pnpm robustness [options]: ends, starves and damages short runs in every way that machines do, and checks what is left.
//
// A run is that of packages/experiment/test/tinyExperiment.mjs on the native backend: rows and columns of 6 x 6 pixels, 40
// epochs, a checkpoint after each. Whatever happened to it, the run that is resumed must end with the tensors, the metrics
// (but for the clock) and the best weights of one that nothing happened to, bit for bit; what ends by itself must say what to
// do. A damaged checkpoint must be refused with its file and a byte offset, or read as the undamaged one. A conversion of data
// that is killed must leave no cache that differs from an undisturbed one, and the conversion after it must give that one.
//
//   --kills <n>        SIGKILLs at random moments (200)
//   --conversions <n>  SIGKILLs at random moments of conversions of recordings and images into caches (50)
//   --signals <n>      of each of SIGINT, SIGTERM and SIGHUP, at random moments (10)
//   --mutations <n>    damaged checkpoints, besides all single bits of the header (20000)
//   --seed <n>         of the moments and the damages (0)
//   --only <part>      one of kills, conversion, signals, output, disk, folder, limits, mutations (all)
//
// Ends with a table and, where something was lost or silently different, with status 1. What cannot be tried here, such as a
// full disk where mounting is not permitted, is skipped with the reason. 200 kills take some 10 minutes.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { damaged } from "./damaged.mjs";
import { turbo } from "./turbo.mjs";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "200" },
    conversions: { type: "string", default: "50" },
    signals: { type: "string", default: "10" },
    mutations: { type: "string", default: "20000" },
    seed: { type: "string", default: "0" },
    only: { type: "string" },
    help: { type: "boolean", short: "h" },
  },
});
if (values.help) {
  const head = readFileSync(new URL(import.meta.url), "utf8").split("\nimport ")[0];
  console.log(head.replaceAll(/^\/\/ ?/gm, ""));
  process.exit();
}
const numbers = ["kills", "conversions", "signals", "mutations", "seed"];
const [kills, conversions, signals, mutations, seed] = numbers.map((name) => {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= 0) return value;
  console.error(`robustness: --${name} must be an integer of at least 0, got ${values[name]}`);
  return process.exit(2);
});

const built = turbo(["build", "--filter=@sew/experiment", "--filter=@sew/backend-native", "--output-logs=errors-only"]);
if (built !== 0) process.exit(built);
const { readSafetensors } = await import("../packages/checkpoints/dist/index.js");
const { random } = await import("../packages/random/dist/index.js");

const main = fileURLToPath(new URL("../packages/experiment/test/tinyExperiment.mjs", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "sew-robustness-"));
process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
const draw = random(seed);

const settings = ["--backend", "native", "--epochs", "40", "--workers", "0"];

/** Milliseconds after which a run counts as one that hangs. */
const LONGEST = 180_000;

/**
 * Runs the experiment, and says how it ended.
 *
 * @param how `shell` starts the command in "$@" otherwise; `during` is called with the process
 */
async function run(out, args = [], { shell = 'exec "$@"', env = {}, during = () => {} } = {}) {
  const words = ["-c", shell, "bash", process.execPath, main, ...settings, "--out", out, ...args];
  const child = spawn("bash", words, {
    cwd: dir,
    env: { ...process.env, INIT_CWD: dir, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = { code: null, signal: null, text: "" };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (ended.text += chunk));
  const closed = once(child, "close");
  const hangs = globalThis.setTimeout(() => {
    ended.text += `still running after ${LONGEST / 1000} s`;
    child.kill("SIGKILL");
  }, LONGEST);
  await during(child, ended);
  [ended.code, ended.signal] = await closed;
  clearTimeout(hangs);
  return ended;
}

/** Resumes the run of a folder. Where it ended before its first checkpoint, there is nothing to resume. */
function resumed(out, how) {
  const holds = (name) => existsSync(join(out, name));
  if (holds("last.safetensors")) return run(out, ["--resume"], how);
  return run(out, holds("best.safetensors") || holds("metrics.jsonl") ? ["--overwrite"] : [], how);
}

/** The results of a run that must not depend on what happened to it. */
async function results(out) {
  const { tensors, metadata } = await readSafetensors(join(out, "last.safetensors"));
  const timeless = (text) =>
    JSON.parse(text, (key, value) => (/^(seconds|samplesPerSecond|time)$/.test(key) ? 0 : value));
  const { state, updates, settings: same } = metadata;
  return {
    tensors,
    state: timeless(state),
    updates,
    settings: same,
    best: readFileSync(join(out, "best.safetensors"), "base64"),
    metrics: readFileSync(join(out, "metrics.jsonl"), "utf8").trim().split("\n").map(timeless),
  };
}

const rows = [];
let wrong = 0;
/** Counts a case under a row of the table, and prints what is wrong with it. */
function count(row, ok, what) {
  const found = rows.find(([name]) => name === row) ?? rows[rows.push([row, { tried: 0, right: 0, note: "" }]) - 1];
  found[1].tried++;
  if (ok) found[1].right++;
  else {
    wrong++;
    console.error(`WRONG ${row}: ${what}`);
  }
  if (process.stderr.isTTY) process.stderr.write(`\r${row} ${found[1].tried}\x1b[K`);
}
function note(row, text) {
  count(row, true);
  const [, figures] = rows.find(([name]) => name === row);
  Object.assign(figures, { tried: figures.tried - 1, right: figures.right - 1, note: text });
}
const skip = (row, reason) => rows.push([row, { tried: 0, right: 0, note: `skipped: ${reason}` }]);

/** Resumes what is left in a folder, and counts whether it ends as the whole run. */
async function finish(row, out, what) {
  const { code, signal, text } = await resumed(out);
  const equal = code === 0 && isDeepStrictEqual(await results(out), whole);
  count(row, equal, `${what}; resumed: ${code ?? signal} ${equal ? "" : text.slice(-600)}`);
}

const fresh = (name) => join(dir, `${name}-${draw.int(2 ** 31)}`);
const started = performance.now();
const first = await run(join(dir, "whole"));
if (first.code !== 0) throw new Error(`robustness: the run must end by itself, got ${first.text}`);
/** Milliseconds of a run; those of the last that ended by itself, since the machine may have other work at first. */
let length = performance.now() - started;
const whole = await results(join(dir, "whole"));

const parts = {
  async kills() {
    const row = "SIGKILL at a random moment";
    let [out, killed] = [fresh("killed"), 0];
    while (killed < kills) {
      const [begun, isNew] = [performance.now(), !existsSync(out)];
      const { signal, code, text } = await resumed(out, {
        during: async (child) => {
          const ended = once(child, "exit");
          await Promise.race([setTimeout(draw.uniform() * length), ended]);
          child.kill("SIGKILL");
        },
      });
      if (signal === "SIGKILL") {
        killed++;
        count(row, true);
        continue;
      }
      if (isNew) length = performance.now() - begun;
      count(
        "run that ended between the kills",
        code === 0 && isDeepStrictEqual(await results(out), whole),
        `${code} ${text.slice(-600)}`,
      );
      rmSync(out, { recursive: true });
      out = fresh("killed");
    }
    await finish("run that ended between the kills", out, "the last of them");
  },

  async conversion() {
    const row = "SIGKILL at a random moment of a conversion";
    const program = fileURLToPath(new URL("../packages/datasets/test/fixtures/convert.mjs", import.meta.url));
    const data = join(dir, "data");
    const undisturbed = join(dir, "converted");
    /** Converts; with `moment`, until it is killed so many milliseconds after its start. Returns how long it took, too. */
    const convert = async (args, moment) => {
      const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
      const ended = { text: "" };
      child.stderr.on("data", (chunk) => (ended.text += chunk));
      const closed = once(child, "close");
      await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
      const begun = performance.now();
      child.stdout.resume();
      if (moment !== undefined) {
        await Promise.race([setTimeout(moment), once(child, "exit")]);
        child.kill("SIGKILL");
      }
      [ended.code, ended.signal] = await closed;
      return { ...ended, length: performance.now() - begun };
    };
    const made = await convert(["make", data]);
    const converted = await convert([data, undisturbed]);
    if (made.code !== 0 || converted.code !== 0) throw new Error(`robustness: ${made.text}${converted.text}`);
    const expected = contents(undisturbed);
    let interrupted = 0;
    for (let killed = 0; killed < conversions; ) {
      const out = fresh("cache");
      // Every second conversion replaces caches that are damaged.
      const replaces = killed % 2 === 1;
      if (replaces) {
        cpSync(undisturbed, out, { recursive: true });
        for (const file of Object.keys(expected)) if (file.endsWith(".bin")) truncateSync(join(out, file), 99);
      }
      const moment = draw.uniform() * converted.length;
      const { signal } = await convert([data, out], moment);
      if (signal !== "SIGKILL") continue;
      killed++;
      const left = existsSync(out) ? contents(out) : {};
      const isLeftover = (file) => file.includes(".tmp-");
      const isDamaged = (file) => replaces && statSync(join(out, file)).size === 99;
      const torn = Object.keys(left).filter(
        (file) => !isLeftover(file) && left[file] !== expected[file] && !isDamaged(file),
      );
      const next = await convert([data, out]);
      const equal = next.code === 0 && isDeepStrictEqual(contents(out), expected);
      count(row, torn.length === 0, `after ${moment} ms: torn ${torn}`);
      count(
        "conversion after that",
        equal,
        `after ${moment} ms: ${next.code} ${next.text} ${Object.keys(contents(out))}`,
      );
      if (Object.keys(left).some(isLeftover)) interrupted++;
      rmSync(out, { recursive: true });
    }
    note(row, `${interrupted} within a conversion`);
  },

  async signals() {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) {
      for (let n = 0; n < signals; n++) {
        const out = fresh(name);
        const { code, signal, text } = await run(out, [], {
          during: async (child, { text: _ }) => {
            await Promise.race([setTimeout(draw.uniform() * length), once(child, "exit")]);
            child.kill(name);
          },
        });
        // Before the first step and behind the last one there is nothing to save: the system ends the process.
        const told = code !== 130 || /resume by: .*node .* --out .* --resume/.test(text);
        count(
          `${name} at a random moment`,
          [0, 130].includes(code) || signal === name ? told : false,
          `${code ?? signal} ${text.slice(-400)}`,
        );
        if (code === 130) note(`${name} at a random moment`, "some saved and told how to resume");
        await finish(`run resumed after ${name}`, out, `${code ?? signal}`);
      }
    }
  },

  async output() {
    const ways = {
      "pipe whose reader has ended": 'set -o pipefail; "$@" 2>&1 | head -n 1',
      "full standard output": 'exec "$@" >/dev/full',
      "full standard error": 'exec "$@" 2>/dev/full',
      "standard output and error closed": 'exec "$@" >&- 2>&-',
    };
    for (const [row, shell] of Object.entries(ways)) {
      const out = fresh("output");
      const { code, signal, text } = await run(out, [], { shell });
      count(row, code === 0 && isDeepStrictEqual(await results(out), whole), `${code ?? signal} ${text.slice(-400)}`);
    }
    const { code, text } = await run(join(dir, "whole"), ["--evaluate"], { shell: 'exec "$@" >/dev/full' });
    count(
      "numbers of --evaluate on a full output",
      code === 1 && text.includes("name a file by --json"),
      `${code} ${text}`,
    );
  },

  async disk() {
    const row = "full disk";
    const disk = join(dir, "disk");
    mkdirSync(disk, { recursive: true });
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], { stdio: "pipe" });
    } catch (error) {
      skip(row, `mounting a tmpfs: ${String(error.stderr ?? error.message).trim()}`);
      return;
    }
    try {
      for (const size of [8, 16, 24, 32, 40, 48, 64, 96, 128]) {
        execFileSync("mount", ["-o", `remount,size=${size}k`, disk]);
        const out = join(disk, "run");
        const { code, signal, text } = await run(out, []);
        const told =
          code === 1 &&
          /(must be|that can be) (writable|written).*ENOSPC.*(make room|choose another folder)/.test(text);
        // A report of an epoch that does not fit is a warning; the run goes on.
        count(row, told || code === 0, `${size} KiB: ${code ?? signal} ${text.slice(-600)}`);
        execFileSync("mount", ["-o", "remount,size=64m", disk]);
        await finish("run resumed when there is room", out, `${size} KiB`);
        rmSync(out, { recursive: true });
      }
    } finally {
      execFileSync("umount", [disk]);
    }
  },

  async folder() {
    const out = fresh("shared");
    const others = [];
    const { code, text } = await run(out, [], {
      during: async (child, ended) => {
        while (!ended.text.includes("epoch 1/")) await setTimeout(20);
        // It waits until the others have ended.
        child.kill("SIGSTOP");
        for (const how of [["--resume"], ["--overwrite"], []]) others.push(await run(out, how));
        child.kill("SIGCONT");
      },
    });
    for (const other of others) {
      const told =
        other.code === 1 && /no other run writes to|holds a run already/.test(other.text) && other.text.includes(out);
      count("second run in a folder", told, `${other.code} ${other.text.slice(-400)}`);
    }
    count("first run in that folder", code === 0 && isDeepStrictEqual(await results(out), whole), text.slice(-400));
  },

  async limits() {
    const setpriv = "setpriv --reuid=65534 --clear-groups";
    chmodSync(dir, 0o777);
    const limits = {
      "limit on memory (ulimit -v)": [400, 700, 1000, 1200, 1500, 2500, 4000, 8000, 16000].map((megabytes) => [
        `${megabytes} MB`,
        `ulimit -v ${1024 * megabytes}; exec "$@"`,
      ]),
      // The limit does not hold for the superuser.
      "limit on threads (ulimit -u)": [1, 2, 4, 6, 8, 10, 12, 16, 24, 64].map((threads) => [
        `${threads} threads`,
        `ulimit -u ${threads}; exec ${process.getuid() === 0 ? setpriv : ""} "$@"`,
      ]),
    };
    for (const [row, tried] of Object.entries(limits)) {
      const without = [];
      for (const [what, shell] of tried) {
        // libuv ends the process where it cannot start the threads that read files.
        const threads = 'require("fs").promises.stat(".")';
        const bare = spawnSync("bash", ["-c", shell, "bash", process.execPath, "-e", threads], { timeout: 20_000 });
        if (bare.status !== 0) {
          without.push(what);
          continue;
        }
        const out = fresh("limited");
        const { code, signal, text } = await run(out, [], { shell });
        const equal = code === 0 && isDeepStrictEqual(await results(out), whole);
        const told = code === 1 && /error: .*must|error: .*memory|could not/.test(text);
        // V8 ends the process where its own heap does not fit.
        const ofNode = signal !== null && /FATAL ERROR|Fatal process (OOM|out of memory)|Check failed/.test(text);
        count(row, equal || told || ofNode, `${what}: ${code ?? signal} ${text.slice(-600)}`);
        if (process.getuid() === 0 && existsSync(out)) execFileSync("chown", ["-R", "0", out]);
        await finish("run resumed without the limit", out, what);
      }
      if (without.length === tried.length) skip(row, `Node does not start with ${without.join(", ")}`);
      else if (without.length > 0) note(row, `Node itself does not start with ${without.join(", ")}`);
    }
    for (const threads of ["1", "64"]) {
      const out = fresh("threads");
      const { code, text } = await run(out, [], { env: { SEW_THREADS: threads } });
      count(
        "SEW_THREADS of 1 and 64",
        code === 0 && isDeepStrictEqual(await results(out), whole),
        `${threads}: ${text.slice(-400)}`,
      );
    }
  },

  async mutations() {
    const good = readFileSync(join(dir, "whole", "last.safetensors"));
    const file = join(dir, "damaged.safetensors");
    const undamaged = await readSafetensors(join(dir, "whole", "last.safetensors"));
    const header = 8 + Number(good.readBigUInt64LE());
    const tally = {};
    const read = async (row, bad, what) => {
      writeFileSync(file, bad);
      const before = performance.now();
      const got = await readSafetensors(file).then(
        (found) => (isDeepStrictEqual(found, undamaged) ? "equal" : "SILENTLY DIFFERENT"),
        ({ message }) =>
          /^readSafetensors: .*damaged\.safetensors must .* at byte \d+; /s.test(message) ? "refused" : message,
      );
      const slow = performance.now() - before > 5000;
      count(row, (got === "refused" || got === "equal") && !slow, `${what}: ${slow ? "slow, " : ""}${got}`);
      tally[row] ??= { refused: 0, equal: 0 };
      tally[row][got]++;
      note(row, `${tally[row].refused} refused, ${tally[row].equal} equal`);
    };
    for (let bit = 0; bit < 8 * header; bit++) {
      const bad = Buffer.from(good);
      bad[bit >> 3] ^= 1 << (bit & 7);
      await read("checkpoint, every bit of the header", bad, `bit ${bit}`);
    }
    for (let n = 0; n < mutations; n++) {
      // Every second damage begins in the header.
      const at = draw.int(n % 2 === 0 ? header : good.length);
      await read("checkpoint, damaged at random", damaged(good, draw, at), `damage ${n} at byte ${at}`);
    }
  },
};

/** SHA-256 of every file of a folder, but for locks: one that nobody holds is taken by the next conversion. */
function contents(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !entry.name.endsWith(".lock"),
  );
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [relative(folder, path), createHash("sha256").update(readFileSync(path)).digest("hex")];
    }),
  );
}

const chosen = values.only === undefined ? Object.keys(parts) : [values.only];
for (const name of chosen) {
  if (!(name in parts)) {
    console.error(`robustness: --only must be one of ${Object.keys(parts).join(", ")}, got ${name}`);
    process.exit(2);
  }
  await parts[name]();
}
if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
console.table(Object.fromEntries(rows));
console.log(`${rows.reduce((sum, [, { tried }]) => sum + tried, 0)} tried, ${wrong} of them not as they should be`);
process.exitCode = wrong === 0 ? 0 : 1;
