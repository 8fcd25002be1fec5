// Installs what the lock file asks for, then runs the pinned pnpm with the given arguments.
// `npm test`, `npm start` and the rest call it, so that a fresh clone needs nothing but Node.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, realpathSync, writeFileSync } from "node:fs";

const root = new URL("..", import.meta.url);
const { packageManager } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));

/** Runs the pinned pnpm in the repository's root. @returns its exit status */
export function pnpm(args, { env = process.env } = {}) {
  const r = spawnSync("npx", ["--yes", packageManager, ...args], {
    stdio: "inherit",
    cwd: root,
    env,
    shell: process.platform === "win32",
  });
  if (r.error) throw r.error;
  return r.status ?? 1;
}

/** Installs when node_modules does not match the lock file. */
export function install() {
  const lock = createHash("sha256")
    .update(readFileSync(new URL("pnpm-lock.yaml", root)))
    .digest("hex");
  const stamp = new URL("node_modules/.bootstrap", root);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  const status = pnpm(["install", "--frozen-lockfile"]);
  if (status !== 0) process.exit(status);
  writeFileSync(stamp, lock);
}

if (import.meta.filename === realpathSync(process.argv[1])) {
  install();
  process.exit(process.argv.length > 2 ? pnpm(process.argv.slice(2)) : 0);
}
