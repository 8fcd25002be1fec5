// pnpm experiment <name> [options]: installs, builds the experiment and its dependencies, and runs it. `compare` compares runs.
import { existsSync, readdirSync } from "node:fs";
import { buildAndRun } from "./run.mjs";

const folder = new URL("../experiments/", import.meta.url);
const names = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(new URL(`${entry.name}/package.json`, folder)))
  .map((entry) => entry.name);
const [name, ...args] = process.argv.slice(2);
if (name === "compare") {
  buildAndRun("packages/experiment", "dist/compareMain.js", args);
} else if (!names.includes(name)) {
  const wanted =
    name === undefined || name.startsWith("-") ? "" : `experiment: there is no experiment ${JSON.stringify(name)}\n`;
  console.error(
    `${wanted}usage: pnpm experiment <${names.join("|")}> [options]; --help after the name lists them\n` +
      "       pnpm experiment compare RUN... [options]",
  );
  process.exit(name === "--help" || name === "-h" ? 0 : 2);
} else {
  buildAndRun(`experiments/${name}`, "dist/src/main.js", args);
}
