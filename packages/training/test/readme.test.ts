import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { temporaryFolder } from "./support.js";

it("the README's program runs, and prints what it says", async () => {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const out = join(await temporaryFolder(), "run");
  const [, program = ""] = /```ts\n(.*?)```/s.exec(await readFile(join(root, "README.md"), "utf8")) ?? [];
  const args = ["--input-type=module", "-e", program.replaceAll("runs/first", out)];
  const output = execFileSync(process.execPath, args, {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [, said] = /\/\/ (\d+)\n$/.exec(program) ?? [];
  expect(output.trim().split("\n").at(-1)).toBe(said);
});
