import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compareRuns } from "@sew/experiment";
import { expect, it, onTestFinished } from "vitest";

it("has the authors' logs for --published, whose best epochs are Table 2", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sew-published-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(import.meta.dirname, "..", "published.json");
  await compareRuns([], { out: join(folder, "report"), published: file });
  const rows = readFileSync(join(folder, "report", "results.md"), "utf8")
    .split("\n")
    .filter((line) => line.includes(", authors |"));
  const cells = rows.map((row) => row.split("|").map((cell) => cell.trim()));
  expect(cells.map((row) => [row[1], row[6]])).toEqual([
    ["SEW-ResNet-18, authors", "63.2 %"],
    ["SEW-ResNet-34, authors", "67.0 %"],
    ["SEW-ResNet-50, authors", "67.8 %"],
    ["SEW-ResNet-101, authors", "68.8 %"],
    ["SEW-ResNet-152, authors", "69.3 %"],
    ["Spiking ResNet-18, authors", "62.3 %"],
    ["Spiking ResNet-34, authors", "61.9 %"],
    ["Spiking ResNet-50, authors", "57.7 %"],
    ["Spiking ResNet-101, authors", "31.8 %"],
    ["Spiking ResNet-152, authors", "10.0 %"],
  ]);
});
