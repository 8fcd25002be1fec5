// pnpm test:tensorflow: builds the bindings of the backends tensorflow and tensorflow-gpu, and holds both to the contracts,
// laws and reference cases, and to a run that is interrupted and resumed. On Node 24, and on tensorflow-gpu where there is no
// GPU, fewer do. What cannot run here is skipped, and the reason printed. Ends with "N passed, N failed".
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildTensorflow, CannotBuild, defaultCache } from "../packages/backends/buildTensorflow.mjs";
import { failuresOf } from "./failuresOf.mjs";
import { turbo } from "./turbo.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const kinds = [
  { kind: "cpu", backend: "tensorflow" },
  { kind: "gpu", backend: "tensorflow-gpu" },
];
/** The packages whose laws are held: all that compute, or those of the backend itself. */
const suites = {
  all: ["analysis", "backends", "blocks", "kernels", "layers", "models", "neurons", "surrogates", "training"],
  backend: ["backends", "kernels", "layers"],
};
const majors = [20, 24];

/** Runs a program to its end. `watch` sees what it has printed so far, and the process. */
function run(command, args, { env = {}, watch = () => {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env } });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk) => {
        output += chunk;
        watch(output, child);
      });
    }
    child.on("error", (error) => resolve({ status: 1, output: error.message }));
    child.on("close", (status) => resolve({ status: status ?? 1, output }));
  });
}

const lastLines = (output, count = 15) => output.trim().split("\n").slice(-count).join("\n");

/** The binary of a Node of this major version: this one, or the newest of npm's packages; undefined where npm has none. */
async function nodeOf(major) {
  if (Number(process.versions.node.split(".")[0]) === major) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  const prefix = join(defaultCache(), `node-${major}`);
  mkdirSync(prefix, { recursive: true });
  const options = ["--prefix", prefix, "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"];
  const { status, output } = await run("npm", ["install", ...options, `${name}@${major}`]);
  if (status === 0) return join(prefix, "node_modules", name, "bin", "node");
  console.log(`skipped: Node ${major}: npm cannot install ${name}@${major}: ${lastLines(output, 1)}`);
  return undefined;
}

/** The contracts and laws of the packages, and 20 training steps. */
async function laws(node, backend, folder, packages) {
  const report = join(folder, "report.json");
  const { output } = await run(
    node,
    [
      join(root, "node_modules/vitest/vitest.mjs"),
      "run",
      ...packages.flatMap((name) => ["--project", name]),
      // By default vitest leaves one core idle.
      `--maxWorkers=${availableParallelism()}`,
      "--testNamePattern=\\[tensorflow\\]|tensorflow(-gpu)? as a backend",
      "--reporter=json",
      `--outputFile=${report}`,
    ],
    { env: { SEW_TEST_BACKEND: backend } },
  );
  if (!existsSync(report)) return { passed: 0, failures: [lastLines(output)] };
  const results = JSON.parse(readFileSync(report, "utf8"));
  const failed = failuresOf(results);
  return {
    passed: results.numPassedTests,
    failures: results.numPassedTests === 0 ? ["no test ran", ...failed] : failed,
  };
}

async function referenceCases(node, backend) {
  const main = join(root, "packages/testing/dist/main.js");
  const { output } = await run(node, [main, join(root, "packages/testing/fixtures"), "--backend", backend]);
  const passed = output.match(/^pass /gm)?.length ?? 0;
  const failures = output.match(/^FAIL .*(\n {6}.*)*/gm) ?? [];
  return { passed, failures: passed + failures.length === 0 ? [lastLines(output)] : failures };
}

/** The tensors' bytes in a file of safetensors, which begins with the size of its header. */
function values(file) {
  const bytes = readFileSync(file);
  return bytes.subarray(8 + Number(bytes.readBigUInt64LE()));
}

/** A run by name, and the same interrupted in its second epoch and resumed, which must end with the same bits. */
async function resumedRun(node, backend, folder) {
  const main = join(root, "experiments/dvs-gesture/dist/src/main.js");
  const model = "APk8-c8k3s1-BN-PLIF-SEW Block(c8)-MPk2s2-FC11";
  const sizes = ["--frames", "4", "--batch", "32", "--epochs", "2"];
  const settings = ["--dataset", "synthetic", "--backend", backend, "--model", model, ...sizes];
  const [whole, resumed] = ["whole", "resumed"].map((name) => join(folder, name));
  const start = (out, watch) =>
    run(node, [main, ...settings, "--cache", cache, "--out", out], { ...(watch && { watch }) });
  const first = await start(whole);
  let isInterrupted = false;
  const second = await start(resumed, (output, child) => {
    // The line of a whole epoch: those within one come at intervals, of which a quick machine needs none.
    if (isInterrupted || !/epoch 1\/2 · train/.test(output)) return;
    isInterrupted = true;
    child.kill("SIGINT");
  });
  const third = await run(node, [main, "--resume", "--out", resumed]);
  if (first.status !== 0 || third.status !== 0 || !isInterrupted) {
    const outputs = [first, second, third].map(({ output }) => lastLines(output, 3));
    return { passed: 0, failures: [`a run that is interrupted and resumed: ${outputs.join("\n")}`] };
  }
  const files = ["last.safetensors", "best.safetensors"];
  const failures = files
    .filter((file) => !values(join(whole, file)).equals(values(join(resumed, file))))
    .map((file) => `a resumed run must end with the ${file} of one that was not interrupted`);
  return { passed: files.length - failures.length, failures };
}

/** Whether the backend computes as `tensorflow` does, which it says where it finds no GPU. */
async function isOnCpu(backend) {
  const backends = new URL("../packages/backends/dist/index.js", import.meta.url);
  const program = `await (await import("${backends}")).useBackend("${backend}")`;
  return (await run(process.execPath, ["--input-type=module", "--eval", program])).output.includes("has found no GPU");
}

/** The tests of a backend on a version of Node, which loads the same binding as another. */
async function testsOf(backend, major) {
  const few = { tests: [laws], packages: suites.backend };
  if (major !== majors[0]) return few;
  if (backend !== "tensorflow" && built.includes("tensorflow") && (await isOnCpu(backend))) {
    console.log(`${backend}: there is no GPU, and on the CPU it is tensorflow, which has all tests: it has fewer`);
    return few;
  }
  return { tests: [laws, referenceCases, resumedRun], packages: suites.all };
}

/** How long a training step takes, beside native's. Not judged. */
async function secondsPerStep(node, backend) {
  const program = fileURLToPath(new URL("secondsPerStep.mjs", import.meta.url));
  const { output } = await run(node, [program, backend, "native"]);
  return output.match(/^a training step takes .*$/m)?.[0] ?? lastLines(output);
}

if (turbo(["build", "--output-logs=errors-only"]) !== 0) process.exit(1);
/** Recordings and frames of all runs, which take longer to make than a run does. */
const cache = mkdtempSync(join(tmpdir(), "sew-tensorflow-cache-"));
const total = { passed: 0, failed: 0 };
const built = [];
for (const { kind, backend } of kinds) {
  try {
    await buildTensorflow(kind);
    built.push(backend);
  } catch (error) {
    // Without the wheel, pip or a compiler there is nothing to test. Any other error is a fault.
    console.log(`${error instanceof CannotBuild ? "skipped" : "FAIL"}: ${backend}: ${error.message}`);
    if (!(error instanceof CannotBuild)) total.failed++;
  }
}
for (const major of built.length === 0 ? [] : majors) {
  const node = await nodeOf(major);
  if (node === undefined) continue;
  await Promise.all(
    built.map(async (backend) => {
      const folder = mkdtempSync(join(tmpdir(), "sew-tensorflow-"));
      try {
        const { tests, packages } = await testsOf(backend, major);
        for (const test of tests) {
          const { passed, failures } = await test(node, backend, folder, packages);
          console.log(`${backend}, Node ${major}, ${test.name}: ${passed} passed, ${failures.length} failed`);
          for (const failure of failures) console.log(failure.replaceAll(/^/gm, "  "));
          total.passed += passed;
          total.failed += failures.length;
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
  );
  for (const backend of built) console.log(`${backend}, Node ${major}: ${await secondsPerStep(node, backend)}`);
}
rmSync(cache, { recursive: true });
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 ? 0 : 1);
