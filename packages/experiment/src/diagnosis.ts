/** @file What is measured of a network while it trains: for alarms, and for TensorBoard. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type FiringRates, firingRates, frameStrip, gradientNorms, type Sample } from "@sew/analysis";
import { readRegular } from "@sew/files";
import type { Module } from "@sew/layers";
import type { Batch, EpochMeasures, Listener } from "@sew/training";
import type { Progress, TensorBoardOptions } from "@sew/training/node";
import { type Tensor3D, tensor, tensor1d } from "@tensorflow/tfjs-core";
import { type Alarm, alarmsAfter, type Known, type Measured } from "./alarms.js";
import { lossOf, neuronParameters } from "./optimization.js";
import { firstBatch, pick, samplesOf } from "./report.js";
import type { Run } from "./run.js";
import { timeConstantsOf } from "./timeConstants.js";
import { writeJson } from "./writeJson.js";

/** The diagnosis of a run. */
export interface Diagnosis {
  /** The alarms so far. */
  alarms(): readonly Alarm[];
  /** The firing rates of the last measurement; undefined before the first. */
  rates(): FiringRates | undefined;
  /** Measures an epoch, for `metrics.jsonl`. */
  measure(epoch: number): Promise<EpochMeasures>;
  /** Raises alarms after epochs: as messages, and in `alarms.json`. */
  readonly listener: Listener;
  /** What TensorBoard shows of it. */
  readonly tensorBoard: TensorBoardOptions;
}

/** Samples that are measured, of the evaluation data and of the training data. */
export const SAMPLES = 4;

/**
 * Training samples of the epochs between two measurements, at least: one takes as long as 3 of them in training, so that it
 * costs less than 1 % of the time.
 */
const SAMPLES_BETWEEN = 400;

/**
 * Updates before a measurement may raise an alarm: by then running statistics have forgotten their initial values, 0.9⁵⁰ of
 * which is left.
 */
const SETTLED = 50;

/** Measurements have a seed of their own, so that those of all epochs have the same dropout. */
const SEED = 0;

const MAX_FILE = 2 ** 24;

const nothing: Known = { alarms: [], inOrder: [] };

/** What a measurement gives. */
interface Measurement extends Measured {
  readonly perSample: Readonly<Record<string, readonly number[]>>;
}

/**
 * The diagnosis of a run: after the first and the last epoch and every k-th between, k being 400 / training samples, rounded
 * up: epochs of 400 samples or more are all measured.
 */
export function diagnose<Own extends object>(run: Run<Own>, progress: Progress): Diagnosis {
  const { settings, data, built } = run;
  const { train } = data.sources;
  const file = join(settings.out, "alarms.json");
  const every = Math.ceil(SAMPLES_BETWEEN / train.count);
  const { block, zeroInit, warmup } = settings;
  const learns = neuronParameters(built.model).size > 0;
  const expected = { classes: train.classes.length, block, zeroInit, learns, warmup };
  let known = nothing;
  let measurement: Measurement | undefined;
  let rates: FiringRates | undefined;
  let samples: Promise<Samples> | undefined;

  const measuredAfter = async (epoch: number): Promise<Measurement | undefined> => {
    if (epoch % every !== 0 && epoch !== settings.epochs - 1) return undefined;
    try {
      samples ??= samplesOfRun(run);
      return await measured(run, await samples);
    } catch (error) {
      progress.message(`warning: no diagnosis of epoch ${epoch + 1}: ${(error as Error).message}`);
      return undefined;
    }
  };

  return {
    alarms: () => known.alarms,
    rates: () => rates,
    async measure(epoch) {
      measurement = await measuredAfter(epoch);
      rates = measurement?.rates ?? rates;
      return { ...(measurement && measuresOf(measurement)), ...learnedBy(built.model) };
    },
    async *listener(events) {
      for await (const event of events) {
        if (event.type === "start") {
          known = event.state.step === 0 ? nothing : await readKnown(file, event.state.epoch);
          if (known === nothing) await rm(file, { force: true });
        }
        if (event.type === "tested") {
          const before = known;
          const { history, step } = event.state;
          const settled = step >= SETTLED ? measurement : undefined;
          known = alarmsAfter(before, [...history, event.metrics], settled, expected);
          for (const { epoch, text } of known.alarms.slice(before.alarms.length)) {
            progress.message(`alarm, epoch ${epoch + 1}: ${text}`);
          }
          if (known.alarms.length + known.inOrder.length > before.alarms.length + before.inOrder.length) {
            await writeJson("alarms", file, known);
          }
        }
        yield event;
      }
    },
    tensorBoard: {
      hyperparameters: { ...settings, model: built.notation, out: undefined, cache: undefined, data: undefined },
      async images() {
        try {
          samples ??= samplesOfRun(run);
          const { shown } = await samples;
          return Object.fromEntries(
            shown.map(({ className, frames, shape }) => [`samples/${className}`, frameStrip(frames, shape)]),
          );
        } catch (error) {
          progress.message(`warning: no pictures of samples for TensorBoard: ${(error as Error).message}`);
          return {};
        }
      },
      summaries: () => (measurement === undefined ? {} : summariesOf(measurement)),
    },
  };
}

/** What an earlier start knew after so many epochs. Where the file is lost or damaged, alarms are raised anew. */
async function readKnown(file: string, epochs: number): Promise<Known> {
  try {
    const { alarms, inOrder } = JSON.parse((await readRegular("alarms", file, MAX_FILE)).toString()) as Known;
    return { alarms: alarms.filter(({ epoch }) => epoch < epochs), inOrder: [...inOrder] };
  } catch {
    return nothing;
  }
}

/** Some samples of a run. */
interface Samples {
  /** Those that are measured. */
  readonly evaluated: Batch | undefined;
  readonly trained: Batch | undefined;
  /** Those that are shown. */
  readonly shown: readonly Sample[];
}

async function samplesOfRun<Own extends object>({ data }: Run<Own>): Promise<Samples> {
  const few = (batch: Batch | undefined): Batch | undefined =>
    batch && pick(batch, [...batch.labels.keys()].slice(0, SAMPLES));
  const batch = await firstBatch(data.train);
  const trained = few(batch);
  const other = data.test ?? data.validation;
  const evaluated = other === undefined ? trained : few(await firstBatch(other));
  return { evaluated, trained, shown: batch === undefined ? [] : samplesOf(batch, data.train.classes) };
}

async function measured<Own extends object>(
  { built: { model }, settings }: Run<Own>,
  { evaluated, trained }: Samples,
): Promise<Measurement | undefined> {
  if (evaluated === undefined || trained === undefined) return undefined;
  const x = tensor(evaluated.x, [...evaluated.shape]);
  const rates = await firingRates(model, x, { neurons: true }).finally(() => x.dispose());
  const hasBlocks = Object.keys(rates.blocks).length > 0;
  const perSample = hasBlocks ? await normsOf(model, trained, lossOf(settings)) : {};
  const norms = Object.entries(perSample).map(([block, each]) => [block, Math.hypot(...each)] as const);
  return { rates, perSample, norms: Object.fromEntries(norms) };
}

async function normsOf(
  model: Parameters<typeof gradientNorms>[0],
  { x, shape, labels }: Batch,
  loss: ReturnType<typeof lossOf>,
): Promise<Measurement["perSample"]> {
  const [input, targets] = [tensor(x, [...shape]), tensor1d(labels, "int32")];
  try {
    const norms = await gradientNorms(model, input, (logits) => loss(logits as Tensor3D, targets), { seed: SEED });
    return Object.fromEntries(Object.entries(norms).map(([block, { output }]) => [block, output.perSample]));
  } finally {
    input.dispose();
    targets.dispose();
  }
}

/** A measurement as `metrics.jsonl` has it, which has no place for NaN and infinity. */
function measuresOf({ rates: { blocks }, norms }: Measurement): EpochMeasures {
  const finite = Object.entries(norms).filter(([, norm]) => Number.isFinite(norm));
  const firing = Object.entries(blocks).map(([block, { residual, output }]) => {
    return [block, { ...(residual !== undefined && { residual }), output }] as const;
  });
  return {
    ...(finite.length > 0 && { gradientNorms: Object.fromEntries(finite) }),
    ...(firing.length > 0 && { firingRates: Object.fromEntries(firing) }),
  };
}

/** What neurons have learned. */
function learnedBy(model: Module): EpochMeasures {
  const taus = timeConstantsOf(model);
  return Object.keys(taus).length === 0 ? {} : { timeConstants: taus };
}

type Summaries = Awaited<ReturnType<NonNullable<TensorBoardOptions["summaries"]>>>;

/** For each block a histogram of its neurons' firing rates, its gradient norm, and a histogram of that of its samples. */
function summariesOf({ rates, norms, perSample }: Measurement): Summaries {
  const summaries: Record<string, Summaries[string]> = {};
  for (const block of Object.keys(rates.blocks)) {
    const layers = Object.entries(rates.layers).filter(([layer]) => layer.startsWith(`${block}.`));
    const histogram = joined(layers.map(([, { neurons }]) => neurons!));
    if (histogram.length > 0) summaries[`firing rates/${block}`] = { histogram };
  }
  for (const [block, norm] of Object.entries(norms)) {
    if (!Number.isFinite(norm)) continue;
    summaries[`gradient norm/${block}`] = norm;
    summaries[`gradient norm of samples/${block}`] = { histogram: perSample[block]! };
  }
  return summaries;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
