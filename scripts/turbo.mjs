// pnpm turbo <tasks> [options]: installs what the lock file asks for and runs turbo. A run of tests goes on after a
// failure and ends with "N passed, N failed", whether the results are new or from turbo's cache.
import { existsSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { failuresOf } from "./failuresOf.mjs";
import { install, pnpm } from "./pnpm.mjs";
import { workspaces } from "./workspaces.mjs";

/** Installs, then runs turbo. @returns its exit status */
export function turbo(args) {
  install();
  return pnpm(["exec", "turbo", ...args]);
}

/** Vitest's reports, outputs of the tasks `test` and `test:consumers`. */
const reports = workspaces.map((folder) => new URL(`../${folder}/.test-results.json`, import.meta.url));

/** Runs turbo and prints the totals of the tests that it ran or replayed. @returns the exit status */
function turboTests(args) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  // Vite 8 and Vitest 4 take these for the start of a query or an escape.
  if (/[#?%]/.test(root)) {
    console.error(
      `turbo: the folder of the tests must have no #, ? or % in its path, which Vitest cannot read, got ${root}; ` +
        "move the clone. All other commands run where it is",
    );
    return 1;
  }
  for (const report of reports) rmSync(report, { force: true });
  const onFailure = args.some((arg) => arg.startsWith("--continue")) ? [] : ["--continue=dependencies-successful"];
  const status = turbo([...args, ...onFailure]);
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const report of reports.filter((file) => existsSync(file))) {
    const results = JSON.parse(readFileSync(report, "utf8"));
    const { numPassedTests, numFailedTests, numPendingTests, success } = results;
    // Again, at the end: a failure is far above where the other packages went on.
    for (const failure of failuresOf(results)) console.log(`failed: ${failure}\n`);
    total.passed += numPassedTests;
    // A test file that cannot be loaded has no tests that could fail.
    total.failed += numFailedTests === 0 && !success ? 1 : numFailedTests;
    total.skipped += numPendingTests;
  }
  if (status !== 0 && total.failed === 0) {
    console.log("a build, a type check or the linter failed (above)");
    total.failed = 1;
  }
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
  return status === 0 && total.failed > 0 ? 1 : status;
}

if (import.meta.filename === realpathSync(process.argv[1])) {
  const args = process.argv.slice(2);
  const runsTests = args.some((arg) => /^test(:|$)/.test(arg)) && !args.some((arg) => /^--(dry|graph|help)/.test(arg));
  process.exit(runsTests ? turboTests(args) : turbo(args));
}
