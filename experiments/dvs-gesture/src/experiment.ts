/** @file One run: data, network, training, test of the best epoch, report. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { firingRates, type ReportData, type ReportSample, writeReport } from "@sew/analysis";
import { type BackendName, instructionSet, precision, threads } from "@sew/backend-native";
import { loadWeights } from "@sew/checkpoints";
import { countParameters, type Module } from "@sew/layers";
import { adam, chain, clipByGlobalNorm, evaluate, momentum } from "@sew/training";
import { checkRunFolder, type TrainResult, train } from "@sew/training/node";
import { tensor, version_core } from "@tensorflow/tfjs-core";
import { type Prepared, prepare } from "./data.js";
import { network } from "./network.js";
import type { Settings } from "./options.js";
import { type DatasetName, scheduleOf } from "./recipes.js";

/** Writes a file whole or not at all. */
async function write(file: string, value: unknown): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.${process.pid}.tmp`, `${JSON.stringify(value, null, 2)}\n`);
  await rename(`${file}.${process.pid}.tmp`, file);
}

/** What the run is made on, for config.json and the report. */
function environment(backend: BackendName): Record<string, string | number> {
  return {
    backend,
    ...(backend === "native" && { instructionSet: instructionSet(), threads: threads(), precision: precision() }),
    node: process.version,
    tfjs: version_core,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
  };
}

/**
 * Runs the experiment.
 *
 * @returns whether it came to its end; false when a signal stopped it, its checkpoint written
 */
export async function runExperiment(settings: Settings, backend: BackendName): Promise<boolean> {
  const started = performance.now();
  await checkRunFolder(settings.out, settings);
  const prepared = await prepare(settings);
  try {
    const { train: trainSet, test } = prepared;
    const model = network(settings, test);
    const parameters = countParameters(model);
    console.error(
      `${settings.dataset}: ${trainSet.labels.length} train and ${test.labels.length} test samples of ${settings.frames} ` +
        `frames, ${test.height}x${test.width}; ${settings.block}, ${parameters} parameters; backend ${backend}`,
    );
    const {
      precision: asked,
      recompute,
      resume,
      overwrite,
      json,
      out,
      workers,
      data,
      cache,
      backend: wanted,
      ...identity
    } = settings;
    await write(join(out, "config.json"), { ...settings, parameters, environment: environment(backend) });
    const updates = settings.optimizer === "adam" ? adam() : momentum();
    const result = await train({
      model,
      data: prepared.data,
      out,
      epochs: settings.epochs,
      learningRate: scheduleOf(settings),
      optimizer: settings.clipNorm === undefined ? updates : chain(clipByGlobalNorm(settings.clipNorm), updates),
      seed: settings.seed,
      settings: { ...identity, backend, ...(precision() !== "float32" && { precision: precision() }) },
      resume,
      overwrite,
    });
    if (result.stopped) return false;
    const numbers = await finish({ settings, backend, model, parameters, prepared, result, started });
    if (json !== undefined) await write(json, numbers);
    return true;
  } finally {
    await prepared.close();
  }
}

const titles: Readonly<Record<DatasetName, string>> = {
  synthetic: "Synthetic gestures",
  "dvs-gesture": "DVS128 Gesture",
  "n-mnist": "N-MNIST",
};

/** The network in the paper's notation. */
function notation({ block, blocks }: Settings, classes: number): string {
  const name = block === "spiking" ? "Spiking Block" : block === "plain" ? "Plain Block" : "SEW Block";
  return `c32k3s1-BN-PLIF-{${name}(c32)-MPk2s2}*${blocks}-FC${classes}`;
}

function notes({ dataset }: Settings): string[] {
  return dataset === "synthetic"
    ? [
        "The recordings are synthetic: drawn figures before a simulated event camera. Accuracies on them are not accuracies on DVS128 Gesture.",
      ]
    : [];
}

interface Finished {
  readonly settings: Settings;
  readonly backend: BackendName;
  readonly model: Module;
  readonly parameters: number;
  readonly prepared: Prepared;
  readonly result: TrainResult;
  readonly started: number;
}

/** The best epoch's weights again, for what the report shows of them; returns the final numbers. */
async function finish({ settings, backend, model, parameters, prepared, result, started }: Finished): Promise<object> {
  const { data, test } = prepared;
  const { out, dataset, block } = settings;
  await loadWeights(model, join(out, "best.safetensors"));
  const best = await evaluate(model, data.test.epoch());
  const last = result.history.at(-1)!;
  const numbers = {
    ...{ dataset, block, parameters, epochs: result.history.length },
    ...{ bestTop1: best.top1, bestEpoch: result.best!.epoch, lastTop1: last.testTop1!, bestLoss: best.loss },
    secondsPerEpoch: median(result.history.map(({ seconds }) => seconds)),
    samplesPerSecond: median(result.history.map(({ samplesPerSecond }) => samplesPerSecond)),
    seconds: (performance.now() - started) / 1000,
  };
  const file = join(out, "report.html");
  await writeReport(file, {
    title: `${titles[dataset]}: ${block}`,
    subtitle: notation(settings, test.classes.length),
    notes: notes(settings),
    summary: {
      ...{
        bestTop1: best.top1,
        bestEpoch: result.best!.epoch,
        finalTop1: last.testTop1!,
        epochs: result.history.length,
      },
      ...{ parameters, samplesPerSecond: numbers.samplesPerSecond, seconds: numbers.seconds },
    },
    history: result.history,
    confusion: { counts: best.confusion, classNames: test.classes },
    ...(await look(model, prepared)),
    configuration: settings,
    environment: environment(backend),
  });
  console.error(`test top-1 ${(100 * best.top1).toFixed(2)} % (epoch ${result.best!.epoch + 1}); report: ${file}`);
  return numbers;
}

/** The first test batch: its firing rates, and a few of its samples as the network sees them. */
async function look(
  model: Module,
  { data, test }: Prepared,
): Promise<Required<Pick<ReportData, "firingRates" | "samples">>> {
  for await (const { x, shape, labels } of data.test.epoch()) {
    const input = tensor(x, [...shape]);
    const rates = await firingRates(model, input);
    input.dispose();
    const classes = [...new Set(labels)].slice(0, SAMPLES);
    return {
      firingRates: rates,
      samples: classes.map((label) => sampleOf(x, shape, labels.indexOf(label), test.classes[label]!)),
    };
  }
  throw new RangeError("look: data must have at least 1 test batch, got none");
}

/** Samples that a report shows. */
const SAMPLES = 4;

/** One sample `[T, H, W, 2]` out of a batch `[T, N, H, W, 2]`. */
function sampleOf(x: Float32Array, shape: readonly number[], index: number, className: string): ReportSample {
  const [steps, batch, ...image] = shape as [number, number, number, number, number];
  const size = image.reduce((a, b) => a * b);
  const frames = new Float32Array(steps * size);
  for (let t = 0; t < steps; t++) {
    const from = (t * batch + index) * size;
    frames.set(x.subarray(from, from + size), t * size);
  }
  return { className, frames, shape: [steps, ...image] };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}
