// pnpm test:matrix [files]: runs the suites that compute under forced settings of the native backend. The combinations
// contain each pair of values of two settings at least once. Prints a line for each combination, then the totals; exits
// with 1 when a test failed.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { turbo } from "./turbo.mjs";

const built = turbo(["build", "--output-logs=errors-only"]);
if (built !== 0) process.exit(built);

const { instructionSets } = await import("../packages/backend-native/dist/index.js");
const values = {
  // The best last: most other runs of the tests use it.
  SEW_ISA: instructionSets().toReversed(),
  SEW_SPIKES: ["auto", "off"],
  SEW_SPIKE_CONVOLUTION: ["auto", "on", "off"],
  SEW_THREADS: ["1", "2"],
};
const root = fileURLToPath(new URL("..", import.meta.url));
const testsIn = (folder) =>
  readdirSync(join(root, folder), { recursive: true })
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => join(folder, file));
/** Whether a test file of the native backend chooses instruction sets itself, or compiles the backend anew. */
const isOfAllSets = (file) =>
  file.startsWith(join("packages", "backend-native")) &&
  (file.endsWith("build.test.ts") || readFileSync(join(root, file), "utf8").includes("setInstructionSet("));
/** The files whose tests compute under the settings. */
const files = [
  ...["backend-native", "kernels", "neurons", "layers", "blocks", "models", "training"].flatMap((name) =>
    testsIn(join("packages", name, "test")),
  ),
  ...["conformance", "fixtures", "reference"].map((name) => join("packages", "testing", "test", `${name}.test.ts`)),
  // What describeBackends is tested on are suites of the backend cpu, which are left out below.
].filter((file) => !isOfAllSets(file) && !file.endsWith(join("kernels", "test", "backends.test.ts")));

/** Every combination of the values. */
const combinations = Object.entries(values).reduce(
  (all, [name, choices]) => all.flatMap((setting) => choices.map((value) => ({ ...setting, [name]: value }))),
  [{}],
);

/** The pairs of values of different settings that a combination has. */
const pairsOf = (setting) =>
  Object.entries(setting).flatMap((a, i, all) => all.slice(i + 1).map((b) => `${a.join("=")} ${b.join("=")}`));

/** Combinations that together have all pairs, chosen greedily: next the one with the most new pairs. */
function cover() {
  const missing = new Set(combinations.flatMap(pairsOf));
  const chosen = [];
  while (missing.size > 0) {
    const fresh = (setting) => pairsOf(setting).filter((pair) => missing.has(pair)).length;
    const best = combinations.reduce((a, b) => (fresh(b) > fresh(a) ? b : a));
    for (const pair of pairsOf(best)) missing.delete(pair);
    chosen.push(best);
  }
  return chosen;
}

const folder = mkdtempSync(join(tmpdir(), "sew-matrix-"));
let passed = 0;
let failed = 0;
for (const setting of cover()) {
  const report = join(folder, "report.json");
  const vitest = ["vitest", "run", ...(process.argv.length > 2 ? process.argv.slice(2) : files)];
  const options = [
    // What a suite does on TensorFlow.js's cpu backend is the same under all settings.
    "--testNamePattern=^(?!.*\\[cpu\\])",
    // By default vitest leaves one core idle.
    `--maxWorkers=${availableParallelism()}`,
    "--reporter=json",
    `--outputFile=${report}`,
  ];
  const { stderr } = spawnSync("npx", [...vitest, ...options], {
    cwd: root,
    env: { ...process.env, ...setting },
    encoding: "utf8",
  });
  const name = Object.entries(setting)
    .map((entry) => entry.join("="))
    .join(" ");
  let tests = { numPassedTests: 0, numFailedTests: 0, success: false, testResults: [] };
  try {
    tests = JSON.parse(readFileSync(report, "utf8"));
    rmSync(report);
  } catch {
    console.log(stderr);
  }
  // A test file that cannot be loaded has no tests that could fail.
  const failures = tests.numFailedTests + (tests.numFailedTests === 0 && !tests.success ? 1 : 0);
  console.log(`${name}: ${tests.numPassedTests} passed, ${failures} failed`);
  for (const file of tests.testResults.filter(({ status }) => status === "failed")) {
    console.log(`  ${file.name.slice(root.length)} ${file.message}`);
    for (const test of file.assertionResults.filter(({ status }) => status === "failed"))
      console.log(`    ${test.fullName}\n      ${test.failureMessages.join("\n").split("\n", 12).join("\n      ")}`);
  }
  passed += tests.numPassedTests;
  failed += failures;
}
rmSync(folder, { recursive: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
