import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Module } from "@sew/layers";
import type { Batch, Data } from "./batch.js";
import { exists, loadCheckpoint, type RunSettings, type RunState, saveCheckpoint, versions } from "./checkpoint.js";
import { type Evaluation, evaluate } from "./evaluate.js";
import { appendEvent, type ScalarEvent, startEventFile } from "./eventFile.js";
import { type EpochMetrics, writeMetrics } from "./metrics.js";
import { mixSeed } from "./mixSeed.js";
import type { Optimizer } from "./optimizer.js";
import { consoleProgress, type Progress } from "./progress.js";
import type { Schedule } from "./schedule.js";
import { sgd } from "./sgd.js";
import { type StopSignals, stopSignals } from "./stopSignals.js";
import { trainStep } from "./trainStep.js";
import { saveWeights } from "./weights.js";

/** Options of {@link train}. */
export interface TrainOptions {
  /** `[T, N, ...] → [T, N, classes]`; trained in place. */
  readonly model: Module;
  readonly data: Data;
  /** The run's folder; made if need be. */
  readonly out: string;
  /** How many epochs the whole run has. */
  readonly epochs: number;
  /** The learning rate of each epoch, such as `cosine({ lr, epochs })`. */
  readonly rate: Schedule;
  /** Makes the optimiser, such as `adam`; `sgd` with momentum 0.9 unless given. */
  readonly optimizer?: (model: Module) => Optimizer;
  /** How long the gradients of a step may be together, see `clipGradients`; as long as they are unless given. */
  readonly clipNorm?: number;
  /** Where the run's random choices start. */
  readonly seed?: number;
  /** What else must be equal for a run to be resumed, such as the network, the data set and the batch size; as JSON. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Whether to go on from the folder's last checkpoint, if there is one. */
  readonly resume?: boolean;
  /** Seconds between two checkpoints inside an epoch. */
  readonly checkpointSeconds?: number;
  /** Who is told; a bar or lines on standard error unless given. */
  readonly progress?: Progress;
}

/** How a run ended. */
export interface TrainResult {
  /** Whether a signal ended it before its last epoch. */
  readonly stopped: boolean;
  /** Every epoch done, those before a resume included. */
  readonly history: readonly EpochMetrics[];
  /** The epoch with the highest top-1 on the test data, the first of equals; undefined before any is done. */
  readonly best: EpochMetrics | undefined;
}

/**
 * Trains a model, by SGD with momentum unless told otherwise, on the cross-entropy of its mean output, and tests it after each epoch.
 *
 * The run's folder holds `last.safetensors`, from which it resumes; `best.safetensors`, the weights of the best epoch;
 * `metrics.jsonl`, one line for each epoch; and a TensorBoard event file. Each is replaced whole: a process killed at any
 * moment leaves what was there before, or what comes after.
 *
 * A checkpoint is written at the end of each epoch, every `checkpointSeconds` in between, and when SIGINT (Ctrl-C) or
 * SIGTERM asks the run to stop: the step under way is finished, the checkpoint written, and the result says `stopped`. A
 * second signal ends the process with status 130. A resumed run goes on bit for bit as if it had never stopped, from the
 * middle of an epoch too, on the same backend and with data that repeat.
 *
 * @throws RangeError when an option is out of range, a batch does not fit the model, or a checkpoint is damaged or of
 * another run; Error when the loss or a weight is not finite, or a file cannot be written
 * @see W. Fang et al., "Deep Residual Learning in Spiking Neural Networks", NeurIPS 2021, table 7
 *
 * @example
 * async function* batches() {
 *   yield { x: Float32Array.of(1, 2), shape: [1, 1, 2], labels: Int32Array.of(0) };
 * }
 * const data = { train: batches, test: batches };
 * const run = { model: linear(2, 3), data, out: "runs/one", epochs: 1, rate: constantRate(0.1), progress: silentProgress };
 * (await train(run)).stopped; // false
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { model, data, out, epochs, rate, clipNorm, seed = 0 } = options;
  const settings = { ...options.settings, ...(clipNorm !== undefined && { clipNorm }) };
  const { resume = false, checkpointSeconds = 60, progress = consoleProgress() } = options;
  checkOptions(epochs, seed, checkpointSeconds);
  await mkdir(out, { recursive: true });
  const rates = Array.from({ length: epochs }, (_, epoch) => rate(epoch));
  const optimizer = (options.optimizer ?? sgd)(model);
  const signals = stopSignals(
    (signal) => progress.message(`${signal}: stopping after this step; once more to stop without saving`),
    () => progress.close(),
  );
  const last = join(out, "last.safetensors");
  const run = { model, data, optimizer, clipNorm, progress, signals, epochs, seed, checkpointSeconds, rates, out };
  const fixed: RunSettings = { seed, rates, settings };
  const save = (state: RunState): Promise<void> => saveCheckpoint(last, model, optimizer, fixed, state);
  try {
    let state = await start(run, last, resume, fixed);
    await writeMetrics(out, state.history);
    const events = await startEventFile(out, state.history.map(scalars));
    while (state.epoch < epochs && !signals.requested) {
      state = await trainEpoch(run, state, save);
      const tested = signals.requested ? undefined : await testEpoch(run, state);
      if (tested === undefined) {
        await save(state);
        progress.message(`stopped in epoch ${state.epoch + 1}/${epochs}; go on from ${last} with resume`);
        break;
      }
      const metrics = summarise(state, rates[state.epoch]!, tested);
      const previous = best(state.history);
      state = { ...fresh, epoch: state.epoch + 1, history: [...state.history, metrics] };
      if (previous === undefined || metrics.testTop1 > previous.testTop1) {
        const { epoch, testLoss, testTop1 } = metrics;
        const description = {
          metrics: JSON.stringify({ epoch, testLoss, testTop1 }),
          settings: JSON.stringify(settings),
        };
        await saveWeights(model, join(out, "best.safetensors"), { ...description, versions: versions() });
      }
      await save(state);
      await writeMetrics(out, state.history);
      await appendEvent(events, scalars(metrics));
      progress.epoch(metrics, epochs);
    }
    return { stopped: state.epoch < epochs, history: state.history, best: best(state.history) };
  } finally {
    signals.release();
    progress.close();
    optimizer.dispose();
  }
}

/** What the parts of a run share. */
interface Run {
  readonly model: Module;
  readonly data: Data;
  readonly optimizer: Optimizer;
  readonly clipNorm: number | undefined;
  readonly progress: Progress;
  readonly signals: StopSignals;
  readonly epochs: number;
  readonly seed: number;
  readonly checkpointSeconds: number;
  readonly rates: readonly number[];
  readonly out: string;
}

/** A run at its start. */
const fresh: RunState = { epoch: 0, batch: 0, sums: { samples: 0, loss: 0, correct: 0, seconds: 0 }, history: [] };

function checkOptions(epochs: number, seed: number, checkpointSeconds: number): void {
  if (!Number.isInteger(epochs) || epochs < 1) {
    throw new RangeError(`train: epochs must be an integer of at least 1, got ${epochs}`);
  }
  if (!Number.isSafeInteger(seed)) throw new RangeError(`train: seed must be an integer, got ${seed}`);
  if (!(checkpointSeconds >= 0)) {
    throw new RangeError(`train: checkpointSeconds must be at least 0, got ${checkpointSeconds}`);
  }
}

/** Where the run starts: at its last checkpoint when it is to be resumed and there is one. */
async function start(run: Run, last: string, resume: boolean, settings: RunSettings): Promise<RunState> {
  const { model, optimizer, progress, epochs, out } = run;
  const state = resume ? await loadCheckpoint(last, model, optimizer, settings) : undefined;
  if (state !== undefined) {
    const { epoch, batch } = state;
    const where = epoch < epochs ? `epoch ${epoch + 1}/${epochs}, after ${batch} batches` : "its end";
    progress.message(`resuming ${last} at ${where}`);
    return state;
  }
  if (resume) progress.message(`no ${last} to resume: starting from the beginning`);
  if (await exists(last)) progress.message(`replacing the earlier run in ${out}; to go on with one, resume it`);
  for (const name of ["last", "best"]) await rm(join(out, `${name}.safetensors`), { force: true });
  return fresh;
}

/** Trains until the epoch's batches are done or a signal arrives. */
async function trainEpoch(run: Run, from: RunState, save: (state: RunState) => Promise<void>): Promise<RunState> {
  const { model, data, optimizer, clipNorm, progress, signals, epochs, seed, checkpointSeconds, rates } = run;
  const { epoch } = from;
  optimizer.setLearningRate(rates[epoch]!);
  let state = from;
  let saved = performance.now();
  let before = saved;
  for await (const batch of data.train(epoch, from.batch)) {
    const { loss, correct } = await trainStep(model, optimizer, batch, mixSeed(seed, epoch, state.batch), clipNorm);
    if (!Number.isFinite(loss)) {
      throw new Error(
        `train: loss must be finite, got ${loss} at step ${state.batch} of epoch ${epoch} (both from 0); lower the ` +
          `learning rate (${rates[epoch]}) and start again, or look for values that are not finite in the data`,
      );
    }
    const now = performance.now();
    const n = batch.labels.length;
    const { sums } = state;
    state = {
      ...state,
      batch: state.batch + 1,
      sums: {
        samples: sums.samples + n,
        loss: sums.loss + n * loss,
        correct: sums.correct + correct,
        seconds: sums.seconds + (now - before) / 1000,
      },
    };
    before = now;
    const { samples, seconds } = state.sums;
    progress.batch({
      phase: "train",
      epoch,
      epochs,
      batch: state.batch,
      batches: data.trainBatches,
      loss: state.sums.loss / samples,
      samplesPerSecond: samples / seconds,
      secondsLeft: secondsLeft(state.batch, data.trainBatches, seconds),
    });
    if (await stopping(signals)) break;
    if (now - saved >= checkpointSeconds * 1000) {
      await save(state);
      saved = performance.now();
      before = saved;
    }
  }
  if (state.sums.samples === 0)
    throw new RangeError(`train: data must have at least 1 sample in epoch ${epoch}, got none`);
  return state;
}

/** Tests the model; undefined when a signal arrived meanwhile. */
async function testEpoch(run: Run, { epoch }: RunState): Promise<(Evaluation & { seconds: number }) | undefined> {
  const { model, data, progress, signals, epochs } = run;
  const started = performance.now();
  const elapsed = (): number => (performance.now() - started) / 1000;
  const tested = await evaluate(model, untilStopped(data.test(), signals), ({ batches, samples, loss }) =>
    progress.batch({
      phase: "test",
      epoch,
      epochs,
      batch: batches,
      batches: data.testBatches,
      loss,
      samplesPerSecond: samples / elapsed(),
      secondsLeft: secondsLeft(batches, data.testBatches, elapsed()),
    }),
  );
  return signals.requested ? undefined : { ...tested, seconds: elapsed() };
}

/** The batches, up to the one during which a signal arrives. */
async function* untilStopped(batches: AsyncIterable<Batch>, signals: StopSignals): AsyncGenerator<Batch> {
  for await (const batch of batches) {
    yield batch;
    if (await stopping(signals)) return;
  }
}

/** Whether a signal has arrived. Signals are delivered between the turns of the event loop, so this takes one. */
async function stopping(signals: StopSignals): Promise<boolean> {
  await setImmediate();
  return signals.requested;
}

function secondsLeft(batch: number, batches: number | undefined, seconds: number): number | undefined {
  return batches === undefined ? undefined : ((batches - batch) * seconds) / batch;
}

function summarise({ epoch, sums }: RunState, lr: number, test: Evaluation & { seconds: number }): EpochMetrics {
  return {
    epoch,
    lr,
    trainLoss: sums.loss / sums.samples,
    trainTop1: sums.correct / sums.samples,
    testLoss: test.loss,
    testTop1: test.top1,
    ...(test.top5 !== undefined && { testTop5: test.top5 }),
    seconds: sums.seconds + test.seconds,
    samplesPerSecond: sums.samples / sums.seconds,
    time: Date.now() / 1000,
  };
}

/** The epoch with the highest top-1 on the test data, the first of equals. */
function best(history: readonly EpochMetrics[]): EpochMetrics | undefined {
  return history.reduce<EpochMetrics | undefined>(
    (top, metrics) => (top === undefined || metrics.testTop1 > top.testTop1 ? metrics : top),
    undefined,
  );
}

/** An epoch's metrics as TensorBoard shows them. */
function scalars({ epoch, time, ...metrics }: EpochMetrics): ScalarEvent {
  const tags = {
    lr: "learning rate",
    trainLoss: "loss/train",
    trainTop1: "top-1/train",
    testLoss: "loss/test",
    testTop1: "top-1/test",
    testTop5: "top-5/test",
    seconds: "time/seconds per epoch",
    samplesPerSecond: "time/samples per second",
  } as const;
  const named = Object.entries(metrics).map(([name, value]) => [tags[name as keyof typeof tags], value] as const);
  return { step: epoch, time, scalars: Object.fromEntries(named) };
}
