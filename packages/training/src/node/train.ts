import { join } from "node:path";
import { saveWeights } from "@sew/checkpoints";
import { type Selection, selectionOf } from "../data.js";
import { initialState, type Listener, listen, onEvent, type TrainingState } from "../events.js";
import type { EpochMetrics } from "../metrics.js";
import { momentum } from "../momentum.js";
import { optimizer as optimizerOf } from "../optimizer.js";
import { checkOptions, ratesOf, type TrainingOptions, training } from "../training.js";
import type { Transform } from "../transform.js";
import { weightAverage } from "../weightAverage.js";
import { checkpoints, loadCheckpoint, type RunSettings, versions } from "./checkpoint.js";
import { tensorBoard } from "./eventFile.js";
import { consoleProgress, type Progress, showProgress } from "./progress.js";
import { checkRunFolder, exists, prepareRunFolder } from "./runFolder.js";
import { stopSignals } from "./stopSignals.js";
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
   * What else must be equal for a run to resume, such as the network and the batch size; as JSON. The seed, the learning
   * rates, the names of the optimiser's transforms and the fingerprints of the data are compared in any case.
   * @defaultValue nothing
   */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  /** Resume from the folder's last checkpoint, if there is one. @defaultValue `false` */
  readonly resume?: boolean | undefined;
  /** Replace an earlier run in the folder. @defaultValue `false`: an earlier run is an error */
  readonly overwrite?: boolean | undefined;
  /** Seconds between two checkpoints inside an epoch; 0 or more. @defaultValue 60 */
  readonly checkpointSeconds?: number | undefined;
  /** Receives progress updates. @defaultValue a bar (terminal) or log lines on stderr */
  readonly progress?: Progress | undefined;
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
 * `resume` or `overwrite`.
 *
 * A checkpoint is written at the end of each epoch, every `checkpointSeconds` in between, and when SIGINT (Ctrl-C) or
 * SIGTERM asks the run to stop: the step under way is finished, the checkpoint written, and the result says `stopped`. A
 * second signal ends the process with status 130. A resumed run goes on bit for bit as if it had never stopped, from the
 * middle of an epoch too, on the same backend and with data that repeat.
 *
 * @throws RangeError when an option is out of range, a batch does not fit the model, the folder holds another run, or a
 * checkpoint is damaged or of another run; Error when the loss or a weight is not finite, or a file cannot be written
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
  const { model, data, out, epochs, averageDecay, resume = false, overwrite = false } = options;
  const { checkpointSeconds = 60, progress = consoleProgress(), listeners = [] } = options;
  const { optimizer: transform = momentum(), ...loop } = options;
  checkOptions("train", loop);
  if (!(checkpointSeconds >= 0)) {
    throw new RangeError(`train: checkpointSeconds must be at least 0, got ${checkpointSeconds}`);
  }
  await checkRunFolder(out, { resume, overwrite }, "train");
  const average = averageDecay === undefined ? undefined : weightAverage(model, { decay: averageDecay });
  const optimizer = optimizerOf(model, transform);
  const file = join(out, "last.safetensors");
  const settings = settingsOf(options, optimizer.name);
  const signals = stopSignals(
    (signal) => progress.message(`${signal}: stopping after this step; once more to stop without saving`),
    () => progress.close(),
  );
  try {
    const saved = resume ? await loadCheckpoint(file, { model, optimizer, average }, settings) : undefined;
    await prepareRunFolder(out, { resume });
    let state = await resumed(saved, options, file, progress);
    const run = listen(
      training({ ...loop, optimizer, start: state }),
      ...(average === undefined ? [] : [average.listener]),
      ...listeners,
      bestWeights(options, settings),
      signals.listener,
      checkpoints({ file, settings, model, optimizer, average, seconds: checkpointSeconds }),
      metricsFile(out),
      tensorBoard(out),
      showProgress(progress, data, epochs),
    );
    for await (const event of run) ({ state } = event);
    const stopped = signals.requested && state.epoch < epochs;
    if (stopped) progress.message(`stopped in epoch ${state.epoch + 1}/${epochs}; go on from ${file} with resume`);
    const { history, best } = state;
    return { stopped, history, best: best === undefined ? undefined : history[best], bestBy: selectionOf(data) };
  } finally {
    signals.release();
    progress.close();
    optimizer.dispose();
    average?.dispose();
  }
}

/** What must be equal for a run to resume. */
function settingsOf(options: TrainOptions, optimizer: string): RunSettings {
  const { data, seed = 0, accumulate = 1, averageDecay, settings } = options;
  const { train: trainData, validation, test } = data;
  return {
    seed,
    rates: ratesOf("train", options),
    settings: {
      ...settings,
      optimizer,
      accumulate,
      averageDecay,
      bestBy: selectionOf(data),
      trainData: trainData.fingerprint,
      validationData: validation?.fingerprint,
      testData: test?.fingerprint,
    },
  };
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
    const { seconds, samplesPerSecond, time, ...metrics } = event.metrics;
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
