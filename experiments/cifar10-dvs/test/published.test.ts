import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compareRuns } from "@sew/experiment";
import { expect, it, onTestFinished } from "vitest";

it("has the authors' logs for --published, whose best epoch is Table 6", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sew-published-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(import.meta.dirname, "..", "published.json");
  await compareRuns([], { out: join(folder, "report"), published: file });
  const rows = readFileSync(join(folder, "report", "results.md"), "utf8")
    .split("\n")
    .filter((line) => line.includes(", authors |"));
  const cells = rows.map((row) => row.split("|").map((cell) => cell.trim()));
  expect(cells.map((row) => [row[1], row[6]])).toEqual([["SEW ADD T = 16, authors", "74.4 %"]]);
});
