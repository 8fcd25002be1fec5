import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { temporaryFolder } from "./support.js";

it("the README's program runs", async () => {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const dir = await temporaryFolder();
  const [, program = ""] = /```ts\n(.*?)```/s.exec(await readFile(join(root, "README.md"), "utf8")) ?? [];
  // Elsewhere than in this package, and with less of it.
  const local = program
    .replaceAll('"data/', `"${dir}/`)
    .replace(
      /writeSyntheticGestures\(("[^"]*")\)/,
      "writeSyntheticGestures($1, { trainSubjects: 2, testSubjects: 1, gestureSeconds: 0.2 })",
    );
  expect(local).toContain("gestureSeconds");
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", local], { cwd: root, encoding: "utf8" });
  expect(output.trim().split("\n").length).toBe(3); // 44 samples in batches of 16
  expect(output).toMatch(/^\[ 12, 16, 128, 128, 2 \] [a-z- ]+ \d+$/m);
});
