/** @file pnpm experiment gradient-check */
import "@tensorflow/tfjs";
import { join } from "node:path";
import { commit, nativePackage, startBackend, versions } from "@sew/experiment";
import { lock } from "@sew/files";
import { printable } from "@sew/kernels";
import { tensor } from "@tensorflow/tfjs-core";
import { CHECK, chooseFolder, readMeasurements, writeJson, writeMeasurements } from "./folder.js";
import { type Images, readImages, syntheticImages } from "./images.js";
import { type Measurement, measure } from "./measure.js";
import { build, nameOf, networksOf } from "./networks.js";
import { type Options, parseOptions } from "./options.js";
import { writeResults } from "./results.js";
import { statementsOf } from "./statements.js";
import { tablesOf, textOf } from "./tables.js";

const CLASSES = 1000;

const say = (text: string): void => void process.stderr.write(`${printable(text)}\n`);

const options = parseOptions(process.argv.slice(2));
try {
  await check(options);
} catch (error) {
  say(`error: ${process.env.DEBUG === undefined ? (error as Error).message : (error as Error).stack}`);
  process.exitCode = 1;
}

async function check({ data, out, overwrite, figure, backend, ...size }: Options): Promise<void> {
  const environment = await startBackend({ backend }, await nativePackage(), say);
  const images =
    data === undefined ? syntheticImages(size.batch, size.size) : await readImages(data, size.batch, size.size);
  const identity = { ...size, figure, images: images.fingerprint, backend: environment.backend };
  const base = join("runs", "gradient-check", `resnet-${size.depth}`);
  const folder = await chooseFolder(base, identity, { out, overwrite });
  const held = await lock(join(folder, "check.lock"));
  try {
    const { cpu, threads, backend: name } = environment;
    say(`${folder}: ResNet-${size.depth}, T = ${size.steps}, ${size.size}x${size.size}; ${images.description}`);
    say(`${cpu}, backend ${name}${threads === undefined ? "" : `, ${threads} threads`}`);
    const before = overwrite ? [] : await readMeasurements(folder);
    const configuration = {
      identity,
      command: ["gradient-check", ...process.argv.slice(2)].join(" "),
      data,
      images: images.description,
      commit: await commit(),
      started: new Date().toISOString(),
    };
    const machine = { ...environment, versions: await versions() };
    await writeJson(folder, CHECK, { ...configuration, environment: machine });
    const measurements = await measureAll(folder, before, images, { figure, ...size });
    const cost = {
      seconds: measurements.reduce((sum, each) => sum + each.seconds, 0),
      gibibytes: Math.max(...measurements.map(({ gibibytes }) => gibibytes)),
    };
    const statements = statementsOf(measurements);
    await writeResults(folder, {
      title: `ResNet-${size.depth} at initialisation`,
      images,
      configuration,
      environment: machine,
      measurements,
      statements,
      cost,
    });
    const told = statements.map(
      ({ source, text, measured, holds }) =>
        `${holds ? "holds:" : "DOES NOT HOLD HERE:"} ${source}: ${text}: ${measured}`,
    );
    process.stdout.write(`${[...tablesOf(measurements).map(textOf), ...told].join("\n")}\n`);
    const { length } = measurements;
    say(`${length} networks in ${cost.seconds.toFixed(0)} s, ${cost.gibibytes.toFixed(2)} GiB resident at most`);
    say(`report: ${join(folder, "report.html")}`);
  } finally {
    await held.release();
  }
}

/** Measures all networks that are not measured yet, one after another. */
async function measureAll(
  folder: string,
  before: readonly Measurement[],
  { values }: Images,
  size: Pick<Options, "figure" | "depth" | "size" | "steps" | "batch" | "seed">,
): Promise<Measurement[]> {
  const networks = networksOf(size.figure);
  const measured = new Map(before.map((each) => [nameOf(each), each]));
  const left = networks.filter((network) => !measured.has(nameOf(network)));
  if (left.length < networks.length) {
    const there = networks.length - left.length;
    say(`${there} of ${networks.length} networks are measured there already; --overwrite measures them again`);
  }
  const x = tensor(values, [1, size.batch, size.size, size.size, 3]);
  // The classes of the images are those that a network without training knows nothing of: any will do.
  const labels = Array.from({ length: size.batch }, (_, i) => Math.floor((i * CLASSES) / size.batch));
  const started = performance.now();
  for (const [i, network] of left.entries()) {
    const measurement = await measure(network, () => build(network, size), x, labels);
    measured.set(nameOf(network), measurement);
    await writeMeasurements(folder, [...measured.values()]);
    const remaining = (((performance.now() - started) / 1000) * (left.length - i - 1)) / (i + 1);
    const rest = i + 1 < left.length ? `, about ${remaining.toFixed(0)} s left` : "";
    say(`${i + 1} of ${left.length}: ${nameOf(network)}: ${measurement.seconds.toFixed(1)} s${rest}`);
  }
  x.dispose();
  return networks.map((network) => measured.get(nameOf(network))!);
}
