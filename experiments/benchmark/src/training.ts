/** @file pnpm bench: times the native backend on this machine and holds it against the machine's own peak. */
import "@tensorflow/tfjs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { calibrateBreakEvens, hasBfloat16 } from "@sew/backend-native";
import { writeAtomic } from "@sew/files";
import { printable } from "@sew/kernels";
import { machineLine, useNative } from "./native.js";
import type { NetworkFigures } from "./network.js";
import { parseOptions } from "./options.js";
import { inOwnProcess } from "./ownProcess.js";
import { picture } from "./picture.js";
import { nameOf, ordinaryOf, rows } from "./rows.js";
import type { LayerSweep } from "./sweep.js";
import {
  breakdownTable,
  breakEvenTable,
  figuresTable,
  gigaflops,
  markdown,
  type NamedFigures,
  ratesLine,
  sweepTable,
} from "./tables.js";

const options = parseOptions(process.argv.slice(2));
const machine = await useNative(options).catch((error: Error): never => {
  console.error(printable(`error: ${error.message}`));
  process.exit(1);
});
console.log(machineLine(machine));

const inBfloat16 = new Set(rows.filter(({ precision }) => precision === "bf16").map(nameOf));
const names = options.names.filter((name) => hasBfloat16() || !inBfloat16.has(name));
if (names.length < options.names.length) {
  console.log(`without the rows of bf16: ${machine.instructionSet} multiplies no bfloat16`);
}

/** Figures by name. A failure is reported at once, and the rest is measured all the same: it may have taken minutes. */
const measured = new Map<string, unknown>();
let peak = 0;
for (const [i, name] of names.entries()) {
  console.error(`${i + 1} of ${names.length}: ${name}`);
  try {
    const found = await inOwnProcess(name, options.runs);
    measured.set(name, found.figures);
    peak = Math.max(peak, found.peak);
  } catch (error) {
    console.error(printable(`error: ${(error as Error).message}`));
    process.exitCode = 1;
  }
}

const { json, runs } = options;
const beside = (extension: string) => json.replace(/\.json$/, extension);
const written: string[] = [];
const write = async (file: string, text: string): Promise<void> => {
  await mkdir(dirname(file), { recursive: true });
  await writeAtomic(file, [Buffer.from(text)], "bench");
  written.push(file);
};
const writeFigures = (figures: object) =>
  write(json, `${JSON.stringify({ machine, date: new Date().toISOString(), runs, peak, ...figures }, null, 2)}\n`);

if (options.calibrate) {
  try {
    const { breakEvens, file } = calibrateBreakEvens();
    console.log("\nconvolutions of spikes are event-driven up to so many events for each element:");
    console.table(breakEvenTable(breakEvens));
    written.push(file);
  } catch (error) {
    console.error(printable(`error: ${(error as Error).message}`));
    process.exit(1);
  }
} else if (options.sweep) {
  const sweeps = [...measured.values()] as LayerSweep[];
  console.log("\nevent-driven convolutions, their time as a multiple of the dense ones':");
  for (const [name, sweep] of measured) {
    console.log(`\n${name}`);
    console.table(sweepTable(sweep as LayerSweep));
  }
  await writeFigures({ sweeps });
  await write(beside(".svg"), picture(sweeps));
} else {
  const networks = rows.flatMap((row): NamedFigures[] => {
    const [name, ordinary] = [nameOf(row), ordinaryOf(row)];
    const figures = measured.get(name) as NetworkFigures | undefined;
    return figures === undefined ? [] : [{ name, ...(ordinary && { ordinary }), ...figures }];
  });
  console.log(
    `\nmultiply-add peak, measured: ${gigaflops(peak)} GFLOP/s; a floor is a work's operations at that rate\n`,
  );
  if (networks.length > 0) {
    console.table(figuresTable(networks, peak));
    console.log(`resident: the process's most, of that tensors; new buffers: in the ${runs} runs measured\n`);
    console.log("where the time goes, ms:");
    console.table(breakdownTable(networks));
    console.log("firing rates at initialisation, mean of each layer:");
    for (const { name, firingRates } of networks) console.log(`${name}: ${ratesLine(firingRates)}`);
    await write(beside(".md"), markdown(networks, machineLine(machine), peak));
  }
  await writeFigures({ networks });
}
console.log(`\nevery figure: ${written.join(", ")}`);
