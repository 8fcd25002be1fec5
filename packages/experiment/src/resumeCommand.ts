import { relative } from "node:path";
import type { Actions } from "./commandLine.js";

/** The command that resumes the run of this process, for a shell in the folder where the user is. */
export function resumeCommand(out: string, { json }: Actions): string {
  const [node, main = ""] = process.argv;
  const words = [
    /^node(\.exe)?$/.test(node!.split(/[/\\]/).at(-1)!) ? "node" : node!,
    ...process.execArgv,
    relative(process.cwd(), main) || main,
    ...["--out", out, "--resume"],
    ...(json === undefined ? [] : ["--json", json]),
  ];
  // pnpm and npm run scripts in the folder of their package.
  const { INIT_CWD: shell = process.cwd() } = process.env;
  const there = shell === process.cwd() ? "" : `cd ${quoted(process.cwd())} && `;
  return there + words.map(quoted).join(" ");
}

/** A word as a shell reads it. */
function quoted(word: string): string {
  if (/^[\w@%+=:,./\\-]+$/.test(word)) return word;
  return process.platform === "win32" ? `"${word}"` : `'${word.replaceAll("'", "'\\''")}'`;
}
