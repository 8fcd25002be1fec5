// pnpm test:asan, pnpm test:tsan: builds the addon with a sanitizer and runs this package's tests on it, on every
// instruction set and 1, 2 and 5 threads. Arguments after the sanitizer's name are passed to vitest, such as the name of a
// file. Linux and g++.
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
// Some tests request more memory than there is.
const common = ["halt_on_error=1", "allocator_may_return_null=1", `log_path=${join(reports, "report")}`];
const options = (option) => [option, ...common].join(":");
const { library, environment, prefix } = {
  address: {
    library: "libasan.so",
    environment: {
      // Node never frees what lives until the process ends.
      ASAN_OPTIONS: options("detect_leaks=0"),
      UBSAN_OPTIONS: options("print_stacktrace=1"),
    },
    prefix: [],
  },
  thread: {
    library: "libtsan.so",
    environment: {
      // Node itself is not instrumented, and would be reported as racing.
      TSAN_OPTIONS: options("ignore_noninstrumented_modules=1"),
    },
    // ThreadSanitizer needs fixed address ranges: no address space randomisation.
    prefix: ["setarch", "-R"],
  },
}[sanitizer];

// The runtime must be loaded before Node; with the addon it would come too late.
const runtime = spawnSync(cxx, [`-print-file-name=${library}`])
  .stdout.toString()
  .trim();
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const [command, ...args] = [
  ...[...prefix, "env", `LD_PRELOAD=${runtime}`, process.execPath, vitest, "run", "--root", join(root, "../..")],
  ...["--project", "backend-native"],
  // It builds and loads addons of its own.
  ...["--exclude", "**/build.test.ts"],
  // They measure or limit the process's memory, of which a sanitizer takes more.
  ...["--exclude", "**/steady.test.ts", "--exclude", "**/outOfMemory.test.ts"],
  ...filters,
];
const tests = spawnSync(command, args, {
  stdio: "inherit",
  env: { ...process.env, ...environment, SEW_SANITIZER: sanitizer },
});
const texts = readdirSync(reports).map((report) => readFileSync(join(reports, report), "utf8"));
rmSync(reports, { recursive: true });
for (const text of texts) console.error(text);
console.error(`${sanitizer} sanitizer: ${texts.length} reports`);
process.exit(tests.status === 0 && texts.length === 0 ? 0 : 1);
