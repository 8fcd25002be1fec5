// Compiles cc/ to build/sew.node with the machine's C++ compiler: no Python, no make, no download. Does nothing when the
// addon is up to date, undamaged and loadable. Kernels are found in cc/kernels/ by the macro SEW_KERNEL.
//
// --optional (an install): a failed build is reported but is no error; useBackend then says what is missing.
// --sanitize address|thread: builds build/<sanitizer>/sew.node, which sanitize.mjs tests.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL(".", import.meta.url));
const optional = process.argv.includes("--optional");
const sanitizer = process.argv.includes("--sanitize")
  ? process.argv[process.argv.indexOf("--sanitize") + 1]
  : undefined;
const out = join(root, "build", sanitizer ?? ".");

/** Flags of each sanitizer. The process ends at the first report, of undefined behaviour too. */
const sanitizers = {
  address: ["-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all"],
  thread: ["-fsanitize=thread"],
};
if (process.argv.includes("--sanitize") && !(sanitizer in sanitizers)) {
  console.error(`build.mjs: --sanitize must be ${Object.keys(sanitizers).join(" or ")}, got ${sanitizer}`);
  process.exit(2);
}

const avx512 = ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx2", "-mfma", "-mprefer-vector-width=512"];
/** Flags of the files that are compiled for one instruction set. */
const instructionSets =
  process.arch === "x64"
    ? {
        "isa/amx.cc": avx512,
        "isa/avx512.cc": avx512,
        "isa/avx2.cc": ["-mavx2", "-mfma"],
        "isa/baseline.cc": [],
      }
    : { "isa/baseline.cc": [] };
// Without -ffp-contract=off the compiler may fuse a product and a sum, and results would depend on the compiler.
const flags = [
  "-std=c++17",
  "-O3",
  "-fPIC",
  "-fvisibility=hidden",
  "-fno-math-errno",
  "-fno-trapping-math",
  "-ffp-contract=off",
  "-fno-exceptions",
  "-fno-rtti",
  "-Wall",
  "-Wextra",
  "-DNAPI_VERSION=8",
  ...(sanitizer === undefined ? [] : [...sanitizers[sanitizer], "-O1", "-g", "-fno-omit-frame-pointer"]),
];

function compiler() {
  const candidates = process.env.CXX === undefined ? ["c++", "g++", "clang++"] : [process.env.CXX];
  const cxx = candidates.find((name) => spawnSync(name, ["--version"]).status === 0);
  if (cxx === undefined)
    throw new Error(`no C++ compiler found (tried ${candidates.join(", ")}); install g++, or set CXX`);
  return cxx;
}

/** Whether its assembler knows AMX, as binutils does from 2.35 on; where not, the addon has no instruction set `amx`. */
function knowsAmx(cxx) {
  const args = ["-x", "assembler", "-c", "-", "-o", "/dev/null"];
  return process.arch === "x64" && spawnSync(cxx, args, { input: "tilezero %tmm0\n" }).status === 0;
}

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
    let errors = "";
    child.stderr.on("data", (chunk) => {
      errors += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve(errors) : reject(new Error(`${command} ${args.join(" ")}\n${errors}`)),
    );
  });
}

/** Writes the list of the kernels that the headers in cc/kernels/ define, and the includes of these headers. */
function writeKernelList(folder) {
  const headers = readdirSync(join(root, "cc/kernels"))
    .filter((name) => name.endsWith(".h"))
    .sort();
  const names = headers.flatMap((header) => {
    const source = readFileSync(join(root, "cc/kernels", header), "utf8");
    const defined = [...source.matchAll(/^SEW_KERNEL\((\w+)\)/gm)].map(([, name]) => name);
    if (defined.length === 0)
      throw new Error(
        `cc/kernels/${header} must define a kernel, SEW_KERNEL(name) {...}; what kernels share is in cc/lib/`,
      );
    return defined;
  });
  const write = (file, lines) => writeFileSync(join(folder, file), `// Written by build.mjs.\n${lines.join("\n")}\n`);
  write("kernelList.h", [`#define SEW_KERNELS(K) ${names.map((name) => `K(${name})`).join(" ")}`]);
  write(
    "kernelIncludes.h",
    headers.map((header) => `#include "kernels/${header}"`),
  );
}

/** The size and hash of a file, which are compared before it is loaded: a damaged addon would end the process. */
function describe(file) {
  const contents = readFileSync(file);
  return { bytes: contents.length, sha256: createHash("sha256").update(contents).digest("hex") };
}

const load = (addon) => void createRequire(import.meta.url)(addon);

/** Whether the addon is what these sources give, undamaged, and loadable on this machine. */
function isUpToDate(addon, stampFile, sources) {
  try {
    if (readFileSync(stampFile, "utf8") !== JSON.stringify({ sources, ...describe(addon) })) return false;
    // An instrumented one needs its runtime loaded before Node.
    if (sanitizer === undefined) load(addon);
    return true;
  } catch {
    return false;
  }
}

async function build() {
  const files = readdirSync(join(root, "cc"), { recursive: true })
    .map(String)
    .filter((f) => /\.(cc|h)$/.test(f))
    .sort();
  const cxx = compiler();
  const amx = knowsAmx(cxx);
  const headers = createRequire(import.meta.url)("node-api-headers").include_dir;
  const hash = createHash("sha256").update(
    JSON.stringify([
      flags,
      instructionSets,
      amx,
      process.arch,
      process.platform,
      spawnSync(cxx, ["--version"]).stdout.toString(),
    ]),
  );
  for (const file of [...files.map((f) => join(root, "cc", f)), fileURLToPath(import.meta.url)])
    hash.update(readFileSync(file));
  const sources = hash.digest("hex");
  const stampFile = join(out, "stamp.json");
  const addon = join(out, "sew.node");
  if (isUpToDate(addon, stampFile, sources)) return;
  const work = join(out, `work-${process.pid}`);
  mkdirSync(work, { recursive: true });
  try {
    writeKernelList(work);
    const isUnit = (f) => f.endsWith(".cc") && (!f.startsWith("isa") || f in instructionSets);
    const units = files.filter((f) => isUnit(f) && (amx || f !== "isa/amx.cc"));
    const objects = units.map((f) => join(work, `${f.replace(/[\\/]/g, "-")}.o`));
    const queue = units.map(
      (f, i) => () =>
        run(cxx, [
          ...flags,
          ...(instructionSets[f] ?? []),
          ...(amx ? ["-DSEW_AMX"] : []),
          `-I${headers}`,
          `-I${join(root, "cc")}`,
          `-I${work}`,
          "-c",
          join(root, "cc", f),
          "-o",
          objects[i],
        ]),
    );
    const worker = async () => {
      for (let job = queue.shift(); job; job = queue.shift()) process.stderr.write(await job());
    };
    await Promise.all(Array.from({ length: Math.max(1, availableParallelism()) }, worker));
    const undefinedSymbols = process.platform === "darwin" ? ["-undefined", "dynamic_lookup"] : [];
    await run(cxx, [
      "-shared",
      "-pthread",
      ...(sanitizers[sanitizer] ?? []),
      ...undefinedSymbols,
      ...objects,
      "-o",
      join(work, "sew.node"),
    ]);
    // Without a stamp the addon is not loaded: between these steps the build may be interrupted.
    rmSync(stampFile, { force: true });
    renameSync(join(work, "sew.node"), addon);
    writeFileSync(join(work, "stamp.json"), JSON.stringify({ sources, ...describe(addon) }));
    renameSync(join(work, "stamp.json"), stampFile);
    if (sanitizer === undefined) load(addon);
    rmSync(join(out, "failure.txt"), { force: true });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

try {
  await build();
} catch (error) {
  mkdirSync(out, { recursive: true });
  // loadAddon quotes this when it cannot load the addon.
  writeFileSync(join(out, "failure.txt"), error.message);
  console.error(`@sew/backend-native: the addon could not be built: ${error.message}`);
  if (!optional) process.exit(1);
}
