// pnpm test:asan, pnpm test:tsan: builds the addon for a sanitizer and runs this package's tests on it, which take
// every instruction set and 1, 2 and 5 threads. Arguments after the sanitizer's name are vitest's, such as a file's
// name. Linux and g++.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [sanitizer, ...filters] = process.argv.slice(2);
const root = fileURLToPath(new URL(".", import.meta.url));
const cxx = process.env.CXX ?? "g++";

const built = spawnSync(process.execPath, [join(root, "build.mjs"), "--sanitize", sanitizer], { stdio: "inherit" });
if (built.status !== 0) process.exit(built.status ?? 1);

const reports = mkdtempSync(join(tmpdir(), "sew-sanitize-"));
// Tests ask for more memory than there is, to be refused.
const common = ["halt_on_error=1", "allocator_may_return_null=1", `log_path=${join(reports, "report")}`];
const options = (own) => [own, ...common].join(":");
const { library, environment, prefix } = {
  address: {
    library: "libasan.so",
    environment: {
      // Node leaks what lives as long as it does.
      ASAN_OPTIONS: options("detect_leaks=0"),
      UBSAN_OPTIONS: options("print_stacktrace=1"),
    },
    prefix: [],
  },
  thread: {
    library: "libtsan.so",
    environment: {
      // Node itself is not compiled for it, and would seem to race.
      TSAN_OPTIONS: options("ignore_noninstrumented_modules=1"),
    },
    // It needs the addresses where it keeps its own: they must not be random.
    prefix: ["setarch", "-R"],
  },
}[sanitizer];

// The runtime must be there before Node is: the addon is loaded too late.
const runtime = spawnSync(cxx, [`-print-file-name=${library}`])
  .stdout.toString()
  .trim();
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const [command, ...args] = [
  ...[...prefix, "env", `LD_PRELOAD=${runtime}`, process.execPath, vitest, "run", "--root", join(root, "../..")],
  // One builds and loads addons of its own; the other weighs the process, which a sanitizer makes heavier.
  ...[
    "--project",
    "backend-native",
    "--exclude",
    "**/useBackend.test.ts",
    "--exclude",
    "**/steady.test.ts",
    ...filters,
  ],
];
const tests = spawnSync(command, args, {
  stdio: "inherit",
  env: { ...process.env, ...environment, SEW_SANITIZER: sanitizer },
});
const found = readdirSync(reports).map((report) => readFileSync(join(reports, report), "utf8"));
rmSync(reports, { recursive: true });
for (const report of found) console.error(report);
console.error(`${sanitizer} sanitizer: ${found.length} reports`);
process.exit(tests.status === 0 && found.length === 0 ? 0 : 1);
