/** @file pnpm bench: times the native backend on this machine and holds it against the machine's own peak. */
import "@tensorflow/tfjs";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname } from "node:path";
import { instructionSet, setInstructionSet, setThreads, threads, useBackend } from "@sew/backend-native";
import { Command, InvalidArgumentError } from "commander";
import { type ConvolutionResult, measureConvolution, shapes } from "./convolution.js";
import { measureNetwork } from "./network.js";
import { measurePeak } from "./peak.js";
import { median } from "./timing.js";

function atLeastOne(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError(`It must be an integer of at least 1.`);
  return value;
}

const program = new Command("pnpm bench")
  .description("Times training steps, forward passes and convolution kernels; a quiet machine gives honest figures.")
  .option("--runs <n>", "runs of each figure; the median counts", atLeastOne, 7)
  .option("--threads <n>", "threads of the kernels (all cores unless given)", atLeastOne)
  .option("--isa <name>", "instruction set (the best unless given)")
  .option("--json <file>", "also write every figure here", "runs/benchmark/results.json")
  .showHelpAfterError();
program.parse();
const options = program.opts<{ runs: number; threads?: number; isa?: string; json: string }>();

if ((await useBackend("native")) !== "native") process.exit(1);
try {
  if (options.threads !== undefined) setThreads(options.threads);
  if (options.isa !== undefined) setInstructionSet(options.isa);
} catch (error) {
  program.error(`error: ${(error as Error).message}`);
}

const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(0)} %`;
const giga = (value: number) => (value / 1e9).toFixed(1);
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;

const machine = { cpu: cpus()[0]?.model, cores: cpus().length, threads: threads(), instructionSet: instructionSet() };
console.log(
  `${machine.cpu}, ${machine.threads} of ${machine.cores} cores, ${machine.instructionSet}, node ${process.version}`,
);

// The network first: the process's largest resident size is then its own.
const network = await measureNetwork(16, 2, options.runs);
const peak = measurePeak(5);
const row = (name: string, seconds: readonly number[], flops: number) => {
  const s = median(seconds);
  const range = `${Math.min(...seconds).toFixed(3)}-${Math.max(...seconds).toFixed(3)}`;
  return {
    work: name,
    seconds: s.toFixed(3),
    range,
    floor: (flops / peak).toFixed(3),
    ratio: `${(s / (flops / peak)).toFixed(2)}x`,
  };
};
console.log(`\nmultiply-add peak, measured: ${giga(peak)} GFLOP/s; a floor is a work's operations at that rate\n`);
console.table([
  row("7B-Net T=16 N=2 128x128, train step", network.trainSeconds, network.trainFlops),
  row("7B-Net T=16 N=2 128x128, forward", network.forwardSeconds, network.forwardFlops),
]);
console.log(
  `peak resident size ${megabytes(network.peakResident)}, of that tensors ${megabytes(network.peakTensors)};`,
);
console.log(`new buffers in ${options.runs} training steps after the first 3: ${network.newBuffers}`);
console.log(`firing rates at initialisation: ${network.firingRates.map((r) => r.toFixed(3)).join(" ")}\n`);

const convolutions: ConvolutionResult[] = [];
for (const shape of shapes) convolutions.push(await measureConvolution(shape, options.runs));
const rate = (value: number) => `${giga(value)} (${percent(value, peak)})`;
console.log("conv3x3, GFLOP/s and the share of the peak:");
console.table(
  convolutions.map(({ images, size, channels, forward, inputGradient, filterGradient }) => ({
    layer: `${images} x ${size}x${size} x ${channels}`,
    forward: rate(forward),
    "input gradient": rate(inputGradient),
    "filter gradient": rate(filterGradient),
  })),
);

mkdirSync(dirname(options.json), { recursive: true });
const unfinished = `${options.json}.${process.pid}.tmp`;
writeFileSync(
  unfinished,
  `${JSON.stringify({ machine, date: new Date().toISOString(), peak, network, convolutions }, null, 2)}\n`,
);
renameSync(unfinished, options.json);
console.log(`every figure: ${options.json}`);
