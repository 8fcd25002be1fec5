/** @file The command `compare`. */
import { Command } from "commander";
import { type CompareRunsOptions, compareRuns } from "./compareRuns.js";
import { isExplained } from "./environment.js";
import { say } from "./run.js";

const program = new Command("compare")
  .description(
    "Compares runs that are there: settings that differ, curves, final numbers. Runs that differ in nothing but the seed are one result.",
  )
  .argument("[run...]", "folders of runs, or of comparisons, which stand for their runs")
  .option("--out <dir>", "folder of the report (default: a new one, runs/compare)")
  .option("--overwrite", "replace the comparison that the folder holds")
  .option("--title <text>", "heading of the report")
  .option("--published [file]", "draw published curves too: of a file, or of experiments/<name>/published.json")
  .showHelpAfterError("(--help lists the options)")
  .action(async (runs: string[], options: CompareRunsOptions) => {
    try {
      const out = await compareRuns(runs, options);
      say(`report: ${out}/report.html, ${out}/results.md`);
    } catch (error) {
      if (!isExplained(error)) throw error;
      say(`error: ${error.message}`);
      process.exitCode = 1;
    }
  });
await program.parseAsync();
