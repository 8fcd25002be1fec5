/** @file pnpm bench data: images and events a second, from files to batches. */
import { cpus } from "node:os";
import { printable } from "@sew/kernels";
import { Command } from "commander";
import { eventRows } from "./data/events.js";
import { imageRows } from "./data/images.js";
import { type DataFigures, dataTable, measure } from "./data/row.js";
import { atLeastOne, jsonFile } from "./options.js";
import { writeFigures } from "./writeFigures.js";

const program = new Command("pnpm bench data")
  .description(
    "Counts the images that are read, decoded, augmented and put into batches of 32 a second, beside what sharp needs for " +
      "the same pixels, and the events that each reader reads and that become frames. A core's second counts the time of all threads, which other work on the machine hardly changes.",
  )
  .option("--data <folder>", "class folders of images (default: 64 synthetic JPEGs of 500x375)")
  .option("--runs <n>", "runs of each figure, a pass over the images or events each; the median counts", atLeastOne, 5)
  .option("--json <file>", "write every figure here", jsonFile, "runs/benchmark/data.json")
  .configureOutput({ writeErr: (text) => process.stderr.write(printable(text)) })
  .showHelpAfterError("(--help lists the options)");
program.parse(process.argv.slice(3), { from: "user" });
const { data, runs, json } = program.opts<{ data?: string; runs: number; json: string }>();

try {
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length };
  console.log(`${machine.cpu}, ${machine.cores} cores, node ${process.version}`);
  const parts = [await imageRows(data), await eventRows()];
  const rows = parts.flatMap((part) => part.rows);
  const figures: DataFigures[] = [];
  for (const [i, row] of rows.entries()) {
    console.error(`${i + 1} of ${rows.length}: ${row.name}`);
    figures.push(await measure(row, runs));
  }
  for (const { close } of parts) await close();
  console.table(dataTable(figures));
  await writeFigures(json, { machine, runs }, figures);
} catch (error) {
  console.error(printable(`error: ${(error as Error).message}`));
  process.exitCode = 1;
}
