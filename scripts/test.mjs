// npm test: installs, builds, runs every package's tests, and ends with "N passed, N failed".
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { install, pnpm } from "./pnpm.mjs";

install();
const root = new URL("..", import.meta.url);
const reports = ["packages", "experiments"].flatMap((parent) =>
  readdirSync(new URL(`${parent}/`, root), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => new URL(`${parent}/${entry.name}/.test-results.json`, root)),
);
for (const report of reports) rmSync(report, { force: true });
const lint = pnpm(["exec", "biome", "check", "."]);
const status = pnpm([
  "exec",
  "turbo",
  "run",
  "typecheck",
  "test",
  "--continue=dependencies-successful",
  "--output-logs=new-only",
]);
let passed = 0;
let failed = 0;
let skipped = 0;
for (const report of reports.filter((url) => existsSync(url))) {
  const r = JSON.parse(readFileSync(report, "utf8"));
  passed += r.numPassedTests;
  failed += r.numFailedTests + (r.numFailedTests === 0 && !r.success ? 1 : 0);
  skipped += r.numPendingTests;
}
if (lint !== 0) console.log("biome check found problems (above)");
if (status !== 0 && failed === 0) console.log("a build or type check failed (above)");
if (lint !== 0 || (status !== 0 && failed === 0)) failed++;
console.log(
  skipped > 0 ? `${passed} passed, ${failed} failed, ${skipped} skipped` : `${passed} passed, ${failed} failed`,
);
process.exit(failed === 0 && status === 0 ? 0 : 1);
