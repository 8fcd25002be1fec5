#!/usr/bin/env node
// sew-tensorflow [cpu|gpu] [--cache DIR]: builds the binding of @tensorflow/tfjs-node, or of @tensorflow/tfjs-node-gpu, to
// the libtensorflow of TensorFlow's Python wheel. pip fetches the wheel from the index that it is configured with. Does
// nothing where the binding is built and loads.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
} from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/** TensorFlow's version, whose wheels have the library with the C interface that the binding was written for. */
const version = "2.12.1";
/** The version of the npm packages whose sources are compiled. */
const bindingVersion = "4.22.0";

/** What a binding is made of. */
const kinds = {
  cpu: {
    npm: "@tensorflow/tfjs-node",
    wheel: "tensorflow-cpu",
    sha256: "d05b8268da5bd87cf43d46da177e3b3ca39f2db0437e56c5e18351db4cde8679",
  },
  gpu: {
    npm: "@tensorflow/tfjs-node-gpu",
    wheel: "tensorflow",
    sha256: "721da3bd6454d696d07b4a5d786db91650a5b662933aca32b9d8c39160eb1727",
  },
};

/** What a wheel holds for us: the libraries with TensorFlow's C interface, and its headers. */
const members = ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2", "include/tensorflow/c/"].concat(
  ["core/platform/", "tsl/"].map((folder) => `include/tensorflow/${folder}`),
);

/** The binding cannot be built here: wheel, pip, Python, compiler or platform is missing. */
export class CannotBuild extends Error {
  name = "CannotBuild";
}

const run = (command, args) => spawnSync(command, args, { encoding: "utf8", maxBuffer: 2 ** 26 });
const lastLine = ({ error, stderr }) => error?.message ?? stderr.trim().split("\n").at(-1);

/** The first of some commands that runs with these arguments. */
function firstThatRuns(commands, args, what) {
  const found = commands.find((command) => run(command, args).status === 0);
  if (found === undefined) throw new CannotBuild(`no ${what} found (tried ${commands.join(", ")})`);
  return found;
}

async function sha256(file) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

/** Downloads a wheel, checks it, and unpacks what is needed of it to `folder`, which then is complete. */
async function fetchLibrary({ wheel, sha256: expected }, folder, say) {
  const python = firstThatRuns(["python3", "python"], ["-m", "pip", "--version"], "Python with pip");
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(`${folder}-`);
  try {
    say(`downloading ${wheel} ${version}, of 230 to 590 MB`);
    const target = [
      "--python-version",
      "3.10",
      "--platform",
      "manylinux2014_x86_64",
      "--only-binary=:all:",
      "--no-deps",
    ];
    const downloaded = run(python, ["-m", "pip", "download", ...target, "--dest", work, `${wheel}==${version}`]);
    const [name] = readdirSync(work);
    if (downloaded.status !== 0 || name === undefined) {
      throw new CannotBuild(`pip cannot download ${wheel} ${version}: ${lastLine(downloaded)}`);
    }
    const file = join(work, name);
    const actual = await sha256(file);
    if (actual !== expected) throw new Error(`${name} must have the SHA-256 ${expected}, got ${actual}`);
    const code =
      "import sys, zipfile\n" +
      "z = zipfile.ZipFile(sys.argv[1])\n" +
      "z.extractall(sys.argv[2], [n for n in z.namelist() if n.startswith(tuple(sys.argv[3:]))])";
    const unpacked = run(python, ["-c", code, file, work, ...members.map((member) => `tensorflow/${member}`)]);
    if (unpacked.status !== 0) throw new Error(`${name} cannot be unpacked: ${lastLine(unpacked)}`);
    try {
      renameSync(join(work, "tensorflow"), folder);
    } catch (error) {
      // Another process was faster.
      if (!existsSync(folder)) throw error;
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The version of the libtensorflow that a binding loads; undefined where it does not load. */
function loadedVersion(binding) {
  const { status, stdout } = run(process.execPath, ["-p", "require(process.argv[1]).TF_Version", binding]);
  return status === 0 ? stdout.trim() : undefined;
}

/** Compiles the binding's C++ against the headers and libraries in `library`, which it loads from there. */
function compile(folder, library, binding) {
  const cxx = firstThatRuns(
    process.env.CXX === undefined ? ["c++", "g++", "clang++"] : [process.env.CXX],
    ["--version"],
    "C++ compiler",
  );
  const headers = createRequire(import.meta.url)("node-api-headers").include_dir;
  mkdirSync(dirname(binding), { recursive: true });
  const unfinished = `${binding}.${process.pid}.tmp`;
  const sources = ["tfjs_backend.cc", "tfjs_binding.cc"].map((name) => join(folder, "binding", name));
  const libraries = ["cc", "framework"].map((name) => join(library, `libtensorflow_${name}.so.2`));
  const flags = ["-std=c++17", "-O2", "-fPIC", "-shared", "-DNAPI_VERSION=8", `-I${headers}`, `-I${library}/include`];
  try {
    const compiled = run(cxx, [
      ...flags,
      ...sources,
      "-Wl,--no-as-needed",
      ...libraries,
      `-Wl,-rpath,${library}`,
      "-o",
      unfinished,
    ]);
    if (compiled.status !== 0) throw new Error(`${cxx} cannot compile the binding:\n${compiled.stderr}`);
    renameSync(unfinished, binding);
  } finally {
    rmSync(unfinished, { force: true });
  }
}

/** `$XDG_CACHE_HOME` or `~/.cache`, with a folder of ours. */
export function defaultCache() {
  const { XDG_CACHE_HOME: cache } = process.env;
  return join(cache !== undefined && isAbsolute(cache) ? cache : join(homedir(), ".cache"), "sew");
}

/**
 * Builds the binding of a kind, `cpu` or `gpu`, in the npm package that `useBackend` loads.
 *
 * @param cache folder of what is unpacked of the wheels, 0.6 or 1.5 GB; the binding loads its library from there
 * @param say receives progress
 * @returns the binding's path
 * @throws CannotBuild where something that it needs is missing; Error where something is wrong, such as a checksum
 */
export async function buildTensorflow(kind, { cache = defaultCache(), say = console.error } = {}) {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new CannotBuild(`the wheels are of Linux on x86-64, and this is ${process.platform} on ${process.arch}`);
  }
  const { npm, wheel } = kinds[kind];
  let manifest = "";
  try {
    manifest = createRequire(import.meta.url).resolve(`${npm}/package.json`);
  } catch {
    throw new CannotBuild(`${npm} is not installed; run: npm install --ignore-scripts ${npm}@${bindingVersion}`);
  }
  const installed = JSON.parse(readFileSync(manifest, "utf8")).version;
  if (installed !== bindingVersion) {
    throw new CannotBuild(`${npm} must be version ${bindingVersion}, got ${installed}`);
  }
  const folder = dirname(manifest);
  // Where the package looks for it: every Node from 12.17 has Node-API 8.
  const binding = join(folder, "lib", "napi-v8", "tfjs_binding.node");
  if (existsSync(binding) && loadedVersion(binding) === version) return binding;
  const library = join(resolve(cache), `${wheel}-${version}`);
  if (!existsSync(library)) await fetchLibrary(kinds[kind], library, say);
  say(`compiling the binding of ${npm}`);
  compile(folder, library, binding);
  const loaded = loadedVersion(binding);
  if (loaded !== version) throw new Error(`${binding} must load TensorFlow ${version}, got ${loaded}`);
  return binding;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const { values, positionals } = parseArgs({ options: { cache: { type: "string" } }, allowPositionals: true });
    const [kind = "cpu", ...more] = positionals;
    if (!Object.hasOwn(kinds, kind) || more.length > 0) {
      throw new RangeError(`the argument must be cpu or gpu, got ${positionals.join(" ")}`);
    }
    console.log(await buildTensorflow(kind, values));
  } catch (error) {
    console.error(`sew-tensorflow: ${error.message}`);
    process.exitCode = 1;
  }
}
