/** @file pnpm bench neurons: the forward and backward pass of every neuron, as a program and as composed operations. */
import "@tensorflow/tfjs";
import { printable } from "@sew/kernels";
import {
  type MembraneParams,
  type NeuronModel,
  neuronModels,
  type ParallelNeuronModel,
  parallelNeuronModels,
} from "@sew/neurons";
import { Command } from "commander";
import { machineLine, useNative } from "./native.js";
import { measureNeuron, type NeuronFigures, neuronRow, neuronTable, parallelRow } from "./neurons/measure.js";
import { atLeastOne, filterNames, jsonFile } from "./options.js";
import { writeFigures } from "./writeFigures.js";

const rows = [
  ...Object.entries(neuronModels).map(([name, model]) =>
    neuronRow(name, model as unknown as NeuronModel<MembraneParams, string>),
  ),
  ...Object.entries(parallelNeuronModels).map(([name, model]) =>
    parallelRow(name, model as unknown as ParallelNeuronModel<object>),
  ),
];

const program = new Command("pnpm bench neurons")
  .description(
    "Times the forward and backward pass of every neuron model over currents [T, neurons]: its program in one fused pass, " +
      "and the composed operations that it stands for. Times are nanoseconds of a core for each step of each " +
      "neuron; bytes are those that the forward pass keeps for the backward pass, besides the currents.",
  )
  .option("--steps <n>", "steps T", atLeastOne, 16)
  .option(
    "--neurons <n>",
    "neurons; composed operations need some 500 bytes for each of their steps",
    atLeastOne,
    2 ** 21,
  )
  .option("--runs <n>", "runs of each figure; the median counts", atLeastOne, 5)
  .option("--filter <text>", "only the models whose name has this in it (default: all)")
  .option("--json <file>", "write every figure here", jsonFile, "runs/benchmark/neurons.json")
  .configureOutput({ writeErr: (text) => process.stderr.write(printable(text)) })
  .showHelpAfterError("(--help lists the options)");
program.parse(process.argv.slice(3), { from: "user" });
const {
  steps,
  neurons,
  runs,
  filter = "",
  json,
} = program.opts<{
  steps: number;
  neurons: number;
  runs: number;
  filter?: string;
  json: string;
}>();

try {
  const names = filterNames(
    program,
    rows.map(({ name }) => name),
    filter,
    "model",
  );
  const machine = await useNative();
  console.log(machineLine(machine));
  const figures: NeuronFigures[] = [];
  for (const [i, name] of names.entries()) {
    console.error(`${i + 1} of ${names.length}: ${name}`);
    figures.push(await measureNeuron(rows.find((row) => row.name === name)!, [steps, neurons], runs));
  }
  console.table(neuronTable(figures));
  await writeFigures(json, { machine, runs }, figures);
} catch (error) {
  console.error(printable(`error: ${(error as Error).message}`));
  process.exitCode = 1;
}
