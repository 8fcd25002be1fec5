/** @file One run: data, network, training, test of the best epoch, report. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { type FiringRates, firingRates, type ReportData, writeReport } from "@sew/analysis";
import { type BackendName, instructionSet, threads } from "@sew/backend-native";
import type { FrameCache } from "@sew/datasets";
import { countParameters, type Module } from "@sew/layers";
import { confusion, evaluate, loadWeights, type TrainResult, train } from "@sew/training";
import { tensor, tidy, version_core } from "@tensorflow/tfjs-core";
import { type Prepared, prepare } from "./data.js";
import { network } from "./network.js";
import type { Settings } from "./options.js";
import { scheduleOf } from "./recipes.js";

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
    ...(backend === "native" && { instructionSet: instructionSet(), threads: threads() }),
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
  const prepared = await prepare(settings);
  try {
    const { train: trainSet, test } = prepared;
    const model = network(settings, test);
    const parameters = countParameters(model);
    console.error(
      `${settings.dataset}: ${trainSet.labels.length} train and ${test.labels.length} test samples of ${settings.frames} ` +
        `frames, ${test.height}x${test.width}; ${settings.block}, ${parameters} parameters; backend ${backend}`,
    );
    const { resume, json, out, workers, data, cache, backend: wanted, ...identity } = settings;
    await write(join(out, "config.json"), { ...settings, parameters, environment: environment(backend) });
    const result = await train({
      ...{ model, data: prepared.data, out, epochs: settings.epochs, rate: scheduleOf(settings) },
      ...{ seed: settings.seed, settings: { ...identity, backend }, resume },
    });
    if (result.stopped) return false;
    const numbers = await finish({ settings, backend, model, parameters, prepared, result, started });
    if (json !== undefined) await write(json, numbers);
    return true;
  } finally {
    await prepared.close();
  }
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
  const best = await evaluate(model, data.test());
  const rates = await ratesOf(model, prepared);
  const last = result.history.at(-1)!;
  const numbers = {
    ...{ dataset, block, parameters, epochs: result.history.length },
    ...{ bestTop1: best.top1, bestEpoch: result.best!.epoch, lastTop1: last.testTop1, bestLoss: best.loss },
    secondsPerEpoch: median(result.history.map(({ seconds }) => seconds)),
    samplesPerSecond: median(result.history.map(({ samplesPerSecond }) => samplesPerSecond)),
    seconds: (performance.now() - started) / 1000,
  };
  const file = join(out, "report.html");
  await writeReport(file, report({ settings, backend, test, result, numbers, rates, confusion: best.confusion }));
  console.error(`test top-1 ${(100 * best.top1).toFixed(2)} % (epoch ${result.best!.epoch + 1}); report: ${file}`);
  return numbers;
}

/** Firing rates on the first test batch. */
async function ratesOf(model: Module, { data }: Prepared): Promise<FiringRates> {
  for await (const { x, shape } of data.test()) {
    const input = tidy(() => tensor(x, [...shape]));
    const rates = firingRates(model, input);
    input.dispose();
    return rates;
  }
  throw new RangeError("ratesOf: data must have at least 1 test batch, got none");
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}
