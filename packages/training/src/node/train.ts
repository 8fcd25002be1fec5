import { join } from "node:path";
import { saveWeights } from "@sew/checkpoints";
import { getBackend } from "@tensorflow/tfjs-core";
import { crossEntropy } from "../crossEntropy.js";
import { type Selection, selectionOf } from "../data.js";
import { initialState, type Listener, listen, onEvent, type TrainingEvent, type TrainingState } from "../events.js";
import type { EpochMetrics } from "../metrics.js";
import { momentum } from "../momentum.js";
import { type Optimizer, optimizer as optimizerOf } from "../optimizer.js";
import { checkOptions, ratesOf, type TrainingOptions, training } from "../training.js";
import type { Transform } from "../transform.js";
import { weightAverage } from "../weightAverage.js";
import { ignoreWriteErrors } from "./brokenOutput.js";
import { checkJson, checkpoints, loadCheckpoint, type RunSettings, versions } from "./checkpoint.js";
import { consoleProgress, type Progress, showProgress } from "./progress.js";
import { checkRunFolder, exists, lockRunFolder, prepareRunFolder } from "./runFolder.js";
import { watchData } from "./seenData.js";
import { type StopSignalCalls, type StopSignals, stopSignals } from "./stopSignals.js";
import { type TensorBoardOptions, tensorBoard } from "./tensorBoard.js";
import { writeMetrics } from "./writeMetrics.js";

/** Options of {@link train}. */
export interface TrainOptions extends Omit<TrainingOptions, "optimizer" | "start"> {
  /** The run's folder; made where there is none. */
  readonly out: string;
  /** Transform of the gradients, such as `chain(clipByGlobalNorm(1), adam())`. @defaultValue `momentum()` */
  readonly optimizer?: Transform | undefined;
  /** Decay of an exponential moving average of the weights, with which epochs are evaluated. @defaultValue no average */
  readonly averageDecay?: number | undefined;
  /**
   * What else must be equal for a run to resume, such as the network and the batch size: texts, finite numbers, booleans,
   * null, and plain arrays and objects of these. Compared in any case are the seed, the learning rates, the name of the loss,
   * the names of the optimiser's transforms, the backend and the data: by their fingerprints, or by a batch and the number of
   * samples where they have none.
   * @defaultValue nothing
   */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  /** Resume from the folder's last checkpoint, if there is one. @defaultValue `false` */
  readonly resume?: boolean | undefined;
  /** Replace an earlier run in the folder. @defaultValue `false`: an earlier run is an error */
  readonly overwrite?: boolean | undefined;
  /** Seconds between two checkpoints inside an epoch; 0 or more. @defaultValue 60 */
  readonly checkpointSeconds?: number | undefined;
  /** The command that resumes the run, for messages. @defaultValue messages name the checkpoint */
  readonly resumeCommand?: string | undefined;
  /** Receives progress updates. @defaultValue a bar (terminal) or log lines on stderr */
  readonly progress?: Progress | undefined;
  /** What TensorBoard shows besides the metrics of steps and epochs. @defaultValue nothing */
  readonly tensorBoard?: TensorBoardOptions | undefined;
  /** Listeners next to the run, such as `earlyStopping({ patience: 10 })`. @defaultValue none */
  readonly listeners?: readonly Listener[] | undefined;
}

/** The end of a run. */
export interface TrainResult {
  /** Whether a signal ended it before its last epoch. */
  readonly stopped: boolean;
  /** Every epoch done, those before a resume included. */
  readonly history: readonly EpochMetrics[];
  /** The best epoch, whose weights are in `best.safetensors`; undefined before any is done. */
  readonly best: EpochMetrics | undefined;
  /** What chose it. */
  readonly bestBy: Selection;
}

/**
 * Trains a model with all that a long run needs: {@link training} with a folder, checkpoints, signals and progress.
 *
 * The run's folder holds `last.safetensors`, from which it resumes; `best.safetensors`, the weights of the best epoch;
 * `metrics.jsonl`, one line for each epoch; and a TensorBoard event file. The first three are replaced atomically: a process
 * killed at any moment leaves what was there before, or what comes after. A folder that holds a run is refused without
 * `resume` or `overwrite`, and one that another run writes to is refused always.
 *
 * A checkpoint is written at the end of each epoch, every `checkpointSeconds` in between, and when SIGINT (Ctrl-C), SIGTERM
 * or SIGHUP (a closed terminal) asks the run to stop: the step under way is finished, the checkpoint written, and the result
 * says `stopped`. A second signal ends the process with status 130. Steps of 10 seconds or more are saved each, and a signal
 * during the next ends the process at once, as nothing in it could hear the signal before. Where standard output or error can
 * no longer be written, the run goes on without. A resumed run goes on bit for bit as if it had never stopped, from the middle
 * of an epoch too, on the same backend and with data that repeat.
 *
 * @throws RangeError when an option is out of range, a batch does not fit the model, the folder holds another run, or a
 * checkpoint is damaged or of another run; Diverged when the loss, a gradient, a running statistic or a weight is not finite, which
 * names the last state that was saved, or a file cannot be written
 *
 * @example
 * import "@tensorflow/tfjs";
 * import { linear } from "@sew/layers";
 * import { silentProgress, train } from "@sew/training/node";
 *
 * async function* batches() {
 *   yield { x: Float32Array.of(1, 2), shape: [1, 1, 2], labels: Int32Array.of(0) };
 * }
 * const data = { train: { epoch: batches }, test: { epoch: batches } };
 * const run = { model: linear(2, 3), data, out: "runs/one", epochs: 1, learningRate: 0.1, progress: silentProgress };
 * const { bestBy } = await train(run);
 * bestBy; // "test"
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { out, resume = false, overwrite = false, checkpointSeconds = 60, progress = consoleProgress() } = options;
  checkOptions("train", options);
  checkJson("train", options.settings ?? {});
  if (!(checkpointSeconds >= 0)) {
    throw new RangeError(`train: checkpointSeconds must be at least 0, got ${checkpointSeconds}`);
  }
  // Before anything is made, and again behind the lock: another run may have ended in between.
  await checkRunFolder(out, { resume, overwrite }, "train");
  const lock = await lockRunFolder(out, "train");
  try {
    await checkRunFolder(out, { resume, overwrite }, "train");
    return await trainIn(options, progress);
  } finally {
    progress.close();
    await lock.release();
  }
}

/** {@link train} in a folder that is locked. */
async function trainIn(options: TrainOptions, progress: Progress): Promise<TrainResult> {
  const { model, data, out, epochs, averageDecay, resume = false, listeners = [] } = options;
  const { optimizer: transform = momentum(), ...loop } = options;
  ignoreWriteErrors(process.stdout, process.stderr);
  const file = join(out, "last.safetensors");
  const watched = watchData(data);
  const average = averageDecay === undefined ? undefined : weightAverage(model, { decay: averageDecay });
  let optimizer: Optimizer | undefined;
  let signals: StopSignals | undefined;
  try {
    optimizer = optimizerOf(model, transform);
    const settings = settingsOf(options, optimizer.name);
    const parts = { model, optimizer, average };
    let kept: TrainingState | undefined;
    signals = stopSignals(
      stopMessages(options, file, progress, () => kept),
      // A first step of TensorFlow.js's own backend may take minutes, and until it is done there is nothing to save.
      { slowStart: getBackend() === "cpu" },
    );
    kept = resume ? await loadCheckpoint(file, parts, settings, watched.compare) : undefined;
    await prepareRunFolder(out, { resume });
    let state = await resumed(kept, options, file, progress);
    const onSave = (saved: TrainingState): void => {
      kept = saved;
    };
    const run = listen(
      namingLastState(training({ ...loop, data: watched.data, optimizer, start: state }), () => {
        return kept && `${describe(kept, epochs)} is in ${file}`;
      }),
      ...(average === undefined ? [] : [average.listener]),
      ...listeners,
      bestWeights(options, settings),
      signals.listener,
      checkpoints({ ...parts, file, settings, seconds: options.checkpointSeconds, seen: watched.seen, onSave }),
      metricsFile(out),
      tensorBoard(out, options.tensorBoard),
      showProgress(progress, data, epochs),
    );
    for await (const event of run) ({ state } = event);
    const stopped = signals.requested && state.epoch < epochs;
    if (stopped) progress.message(`stopped in epoch ${state.epoch + 1}/${epochs}; ${howToResume(options, file)}`);
    const { history, best } = state;
    return { stopped, history, best: best === undefined ? undefined : history[best], bestBy: selectionOf(data) };
  } finally {
    signals?.release();
    optimizer?.dispose();
    average?.dispose();
  }
}

/** Events of a run whose errors, such as a loss that is not finite, end with the last state that was saved, if any. */
async function* namingLastState(
  events: AsyncIterable<TrainingEvent>,
  last: () => string | undefined,
): AsyncGenerator<TrainingEvent> {
  try {
    yield* events;
  } catch (error) {
    const state = last();
    if (error instanceof Error && state !== undefined) error.message += `; the last good state, ${state}`;
    throw error;
  }
}

function howToResume({ resumeCommand }: TrainOptions, file: string): string {
  return resumeCommand === undefined ? `go on from ${file} with resume` : `resume by: ${resumeCommand}`;
}

/** What a run says of signals. */
function stopMessages(
  options: TrainOptions,
  file: string,
  progress: Progress,
  kept: () => TrainingState | undefined,
): StopSignalCalls {
  const resuming = howToResume(options, file);
  return {
    onFirst(signal, seconds) {
      const length = seconds === undefined || seconds < 1 ? "" : `, of about ${Math.round(seconds)} s`;
      progress.message(`${signal}: stopping after this step${length}; once more to stop without saving`);
    },
    onSecond() {
      const state = kept();
      const rest =
        state === undefined ? "nothing was saved before" : `${describe(state, options.epochs)} is kept; ${resuming}`;
      progress.message(`stopped without saving: ${rest}`);
      progress.close();
    },
    onSlow(seconds) {
      progress.message(
        `a step takes about ${Math.round(seconds)} s and is saved when it is done; a signal during the next one ends the ` +
          `process at once; then ${resuming}`,
      );
    },
  };
}

/** What must be equal for a run to resume. */
function settingsOf(options: TrainOptions, optimizer: string): RunSettings {
  const { data, seed = 0, accumulate = 1, averageDecay, loss = crossEntropy, settings = {} } = options;
  const { train: trainData, validation, test } = data;
  const own = {
    optimizer,
    accumulate,
    averageDecay,
    loss: loss.name,
    backend: getBackend(),
    bestBy: selectionOf(data),
    trainData: trainData.fingerprint,
    validationData: validation?.fingerprint,
    testData: test?.fingerprint,
    trainBatches: trainData.batchesPerEpoch,
    validationBatches: validation?.batchesPerEpoch,
    testBatches: test?.batchesPerEpoch,
    classes: trainData.classes,
  };
  // A setting of the caller's that has a name of ours is compared under another.
  const named = Object.entries(settings).map(
    ([name, value]) => [name in own ? `settings.${name}` : name, value] as const,
  );
  return { seed, rates: ratesOf("train", options), settings: { ...Object.fromEntries(named), ...own } };
}

function describe({ epoch, batch }: TrainingState, epochs: number): string {
  return epoch < epochs ? `epoch ${epoch + 1}/${epochs}, after ${batch} batches,` : `the end of epoch ${epochs}`;
}

/** The state in which the run starts; says where that is. */
async function resumed(
  saved: TrainingState | undefined,
  { out, epochs, resume = false }: TrainOptions,
  file: string,
  progress: Progress,
): Promise<TrainingState> {
  if (saved === undefined) {
    if (resume) progress.message(`no ${file} to resume: starting from the beginning`);
    return initialState;
  }
  const { epoch, batch, best } = saved;
  const where = epoch < epochs ? `epoch ${epoch + 1}/${epochs}, after ${batch} batches` : "its end";
  progress.message(`resuming ${file} at ${where}`);
  if (best === undefined || (await exists(join(out, "best.safetensors")))) return saved;
  progress.message(
    `no best.safetensors in ${out}, of epoch ${best + 1}: the best of the epochs to come takes its place`,
  );
  return { ...saved, best: undefined };
}

/** A listener that saves the weights of the best epoch. */
function bestWeights({ model, out }: TrainOptions, { settings }: RunSettings): Listener {
  return onEvent(async (event) => {
    if (event.type !== "tested" || !event.best) return;
    // Without what the clock says: the same run makes the same file.
    const { seconds, samplesPerSecond, dataWait, time, ...metrics } = event.metrics;
    const description = { metrics: JSON.stringify(metrics), settings: JSON.stringify(settings) };
    await saveWeights(model, join(out, "best.safetensors"), { ...description, versions: versions() });
  });
}

/** A listener that keeps `metrics.jsonl` in step with the epochs done. */
function metricsFile(out: string): Listener {
  return onEvent(async (event) => {
    if (event.type === "start" || event.type === "epoch") await writeMetrics(out, event.state.history);
  });
}
