/** @file The authors' logs that experiments hold for `compare --published`, against the paper's tables. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compareRuns } from "@sew/experiment";
import { expect, it, onTestFinished } from "vitest";

/** The best test accuracy of each network of an experiment. */
const tables = [
  { experiment: "cifar10-dvs", table: 6, best: [["SEW ADD T = 16, authors", "74.4 %"]] },
  { experiment: "dvs-gesture", table: 4, best: [["SEW ADD, authors", "97.9 %"]] },
  {
    experiment: "imagenet",
    table: 2,
    best: [
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
    ],
  },
];

it.each(tables)(
  "the authors' logs of $experiment have the best epochs of Table $table",
  async ({ experiment, best }) => {
    const folder = mkdtempSync(join(tmpdir(), "sew-published-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(import.meta.dirname, "..", "..", "..", "experiments", experiment, "published.json");
    await compareRuns([], { out: join(folder, "report"), published: file });
    const rows = readFileSync(join(folder, "report", "results.md"), "utf8")
      .split("\n")
      .filter((line) => line.includes(", authors |"));
    const cells = rows.map((row) => row.split("|").map((cell) => cell.trim()));
    expect(cells.map((row) => [row[1], row[6]])).toEqual(best);
  },
);
