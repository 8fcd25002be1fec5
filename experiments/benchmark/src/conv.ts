/** @file pnpm bench conv: each convolution of the paper's networks, held to what arithmetic and memory allow. */
import "@tensorflow/tfjs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { precision } from "@sew/backend-native";
import { writeAtomic } from "@sew/files";
import { printable } from "@sew/kernels";
import { Command } from "commander";
import { measureCall, measureConvolution, type ProductFigures, type Rates } from "./conv/measure.js";
import { convolutionPicture } from "./conv/picture.js";
import { convolutionsOf, shapeName } from "./conv/shapes.js";
import { convolutionTable, farLines } from "./conv/tables.js";
import { addNativeOptions, machineLine, type NativeOptions, useNative } from "./native.js";
import { atLeastOne, filterNames, jsonFile } from "./options.js";
import { measureBandwidth, measurePeaks } from "./peak.js";
import { subjects } from "./rows.js";
import { gigaflops } from "./tables.js";
import { writeFigures } from "./writeFigures.js";

interface Options extends NativeOptions {
  readonly filter?: string;
  readonly batch: number;
  readonly runs: number;
  readonly json: string;
}

const program = new Command("pnpm bench conv")
  .description(
    "Times every convolution of the paper's networks, and its gradients, on the inputs that it has there at the initial " +
      "weights, and holds it to the larger of two bounds. Arithmetic: the operations of the path that ran (products of " +
      "Winograd tiles where these run, products of all parts on a matrix unit, additions of an event-driven path, each in the " +
      "place of a multiply-add) at the measured peak of what multiplies: vectors of float32, of bfloat16, or the matrix unit. " +
      "Memory: operands and result, each once, spikes as they are stored, at the bandwidth of a triad. A share above 1 is " +
      "possible where the caches hold the operands, and where a result of 32 MiB or more is written past the caches " +
      "without being read first; the triad's are read, which its bandwidth does not count. Below half of its bound a product " +
      "is listed with where its time goes.",
  )
  .option("--filter <text>", "only the shapes whose name has this in it (default: all)")
  .option("--batch <n>", "sequences of a batch", atLeastOne, 2)
  .option("--runs <n>", "runs of each figure; the median counts", atLeastOne, 7)
  .option("--json <file>", "write every figure here, and beside it the picture", jsonFile, "runs/benchmark/conv.json")
  .configureOutput({ writeErr: (text) => process.stderr.write(printable(text)) })
  .showHelpAfterError("(--help lists the options)");
addNativeOptions(program).parse(process.argv.slice(3), { from: "user" });
const options = program.opts<Options>();
const { filter = "", batch, runs, json } = options;
/** Runs of a convolution of one number. */
const CALLS = 101;

try {
  const machine = await useNative(options);
  console.log(machineLine(machine));
  console.error("inputs: a pass through each network");
  const all = convolutionsOf(subjects, batch);
  const names = filterNames(program, all.map(shapeName), filter, "shape");
  const rates: Rates = {
    ...measurePeaks(5),
    bandwidth: measureBandwidth(5),
    call: await measureCall(CALLS),
  };
  const figures: ProductFigures[] = [];
  for (const [i, name] of names.entries()) {
    console.error(`${i + 1} of ${names.length}: ${name}`);
    figures.push(...(await measureConvolution(all.find((each) => shapeName(each) === name)!, rates, runs)));
  }
  for (const { x } of all) x.dispose();
  const matrix = rates.matrix > 0 ? `, ${gigaflops(rates.matrix)} on the matrix unit` : "";
  console.log(
    `peak ${gigaflops(rates.float32)} GFLOP/s in float32, ${gigaflops(rates.bf16)} in bfloat16${matrix}; ` +
      `triad ${gigaflops(rates.bandwidth)} GB/s; a call ${(1e6 * rates.call).toFixed(0)} µs`,
  );
  console.table(convolutionTable(figures));
  const far = farLines(figures, machine.threads);
  if (far.length > 0) console.log(`below half of their bound:\n${far.map((line) => `  ${line}`).join("\n")}`);
  await writeFigures(json, { machine: { ...machine, ...rates }, runs, batch, precision: precision() }, figures);
  const picture = json.replace(/\.json$/, ".svg");
  await mkdir(dirname(picture), { recursive: true });
  await writeAtomic(picture, [Buffer.from(convolutionPicture(figures, precision()))], "bench");
  console.log(`picture: ${picture}`);
} catch (error) {
  console.error(printable(`error: ${(error as Error).message}`));
  process.exitCode = 1;
}
