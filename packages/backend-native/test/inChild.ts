/** @file Running code in a process of its own, with its own environment variables and its own copy of a package. */
import { execFileSync } from "node:child_process";

/** Environment variables of a child; `undefined` removes one. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The settings that this package reads, except which build of the addon. */
const unset = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => name.startsWith("SEW_") && name !== "SEW_SANITIZER")
    .map((name) => [name, undefined]),
);

/**
 * Runs lines of a module in a folder from which `@sew/backend-native` can be imported, as `native`.
 *
 * @returns what the lines passed to `say`, in order
 */
export function inChild(folder: string, lines: string, environment: Environment = {}): unknown[] {
  const code = `
    import * as native from "@sew/backend-native";
    const said = [];
    const say = (value) => said.push(value);
    const attempt = (f) => { try { return f(); } catch (e) { return [e.name, e.message]; } };
    ${lines}
    console.log(JSON.stringify(said));`;
  const stdout = execFileSync(process.execPath, ["--input-type=module", "--eval", code], {
    cwd: folder,
    env: { ...process.env, ...unset, ...environment },
    encoding: "utf8",
    stdio: "pipe",
  });
  return JSON.parse(stdout) as unknown[];
}
