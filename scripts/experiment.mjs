// pnpm experiment <name> [options]: installs, builds what the experiment needs, and runs it.
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { install, pnpm } from "./pnpm.mjs";

const folder = new URL("../experiments/", import.meta.url);
const names = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(new URL(`${entry.name}/package.json`, folder)))
  .map((entry) => entry.name);
const [name, ...args] = process.argv.slice(2);
if (!names.includes(name)) {
  const wanted = name === undefined || name.startsWith("-") ? "" : `experiment: there is no experiment "${name}"\n`;
  console.error(`${wanted}usage: pnpm experiment <${names.join("|")}> [options]; --help after the name lists them`);
  process.exit(name === "--help" || name === "-h" ? 0 : 2);
}
install();
const built = pnpm(["exec", "turbo", "run", "build", `--filter=./experiments/${name}`, "--output-logs=errors-only"]);
if (built !== 0) process.exit(built);
const child = spawn(process.execPath, [new URL(`${name}/dist/main.js`, folder).pathname, ...args], {
  stdio: "inherit",
});
// The terminal sends Ctrl-C to the whole group: the experiment saves and ends, and this process waits for it.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => signal === "SIGTERM" && child.kill(signal));
child.on("exit", (code, signal) => process.exit(signal === null ? (code ?? 1) : 128 + 15));
