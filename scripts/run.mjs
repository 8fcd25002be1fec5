// Builds a workspace and its dependencies, and runs its main file.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { turbo } from "./turbo.mjs";

/** Installs, builds `folder`, such as `experiments/benchmark`, runs its file `main`, and exits with its status. */
export function buildAndRun(folder, main, args, cwd = process.cwd()) {
  const built = turbo(["build", `--filter=./${folder}`, "--output-logs=errors-only"]);
  if (built !== 0) process.exit(built);
  const file = fileURLToPath(new URL(`../${folder}/${main}`, import.meta.url));
  const child = spawn(process.execPath, [file, ...args], { stdio: "inherit", cwd });
  // The terminal sends Ctrl-C to both processes. The program saves and exits; this one waits for it.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => signal !== "SIGINT" && child.kill(signal));
  }
  child.on("exit", (code, signal) => process.exit(signal === null ? (code ?? 1) : 128 + constants.signals[signal]));
}
