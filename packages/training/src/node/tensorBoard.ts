import type { Listener, TestedEvent, TrainingState } from "../events.js";
import type { EpochMetrics } from "../metrics.js";
import { type EventFile, HYPERPARAMETERS, openEventFile, type Png, type SummaryEvent } from "./eventFile.js";

/** Options of {@link tensorBoard}. */
export interface TensorBoardOptions {
  /** Settings of the run, for the tab HParams: texts, numbers, booleans; others as JSON. @defaultValue none */
  readonly hyperparameters?: Readonly<Record<string, unknown>> | undefined;
  /** Pictures by tag, such as samples of the data; written once, when the run begins. @defaultValue none */
  readonly images?: (() => Readonly<Record<string, Png>> | Promise<Readonly<Record<string, Png>>>) | undefined;
  /**
   * Summaries by tag besides the metrics, after each epoch; the model has the weights that were evaluated.
   * @defaultValue none
   */
  readonly summaries?: ((event: TestedEvent) => SummaryEvent["values"] | Promise<SummaryEvent["values"]>) | undefined;
}

/** Group of the tags whose horizontal axis is the step; that of all others is the epoch. */
const STEP = "step/";

/** The first tag of an epoch's metrics. */
const LEARNING_RATE = "learning rate";

/**
 * A listener that writes for TensorBoard, into an event file in a folder: loss and learning rate of each step under `step/`,
 * over the steps from 0; the metrics of each epoch, over the epochs from 0; and what the options say.
 *
 * A run that resumes keeps what the file has of the steps and epochs before its checkpoint, and what came after is written
 * again: nothing is there twice. Epochs that the file has lost are written anew from the checkpoint's history.
 *
 * @param folder the folder of the event file; it must be there
 *
 * @example
 * ```ts no-run
 * import { listen, type TrainingEvent } from "@sew/training";
 * import { tensorBoard } from "@sew/training/node";
 *
 * declare const run: AsyncIterable<TrainingEvent>; // of training
 * for await (const event of listen(run, tensorBoard("runs/one", { hyperparameters: { batch: 16 } }))) {
 *   if (event.type === "epoch") console.log(event.metrics.trainLoss);
 * }
 * ```
 */
export function tensorBoard(folder: string, options: TensorBoardOptions = {}): Listener {
  return async function* (events) {
    let file: EventFile | undefined;
    try {
      for await (const event of events) {
        if (event.type === "start") file = await begin(folder, event.state, options);
        if (event.type === "step") {
          const { step, loss, learningRate } = event;
          const values = { [`${STEP}loss`]: loss, [`${STEP}learning rate`]: learningRate };
          file?.append({ step, time: Date.now() / 1000, values });
        }
        if (event.type === "tested") {
          const { step, time, values } = summaryOf(event.metrics);
          const write = async () =>
            file?.append({ step, time, values: { ...values, ...(await options.summaries?.(event)) } });
          if (!(await guarded("summaries", write))) file?.append({ step, time, values });
        }
        yield event;
      }
    } finally {
      file?.close();
    }
  };
}

/** Writes what a user's function gives, and returns whether it could: its error is a warning, and no epoch is lost for it. */
async function guarded(what: string, write: () => Promise<void>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    const { message } = error as Error;
    process.emitWarning(
      `tensorBoard: ${what} must return what can be shown, got the error: ${message}`,
      "TensorBoardWarning",
    );
    return false;
  }
}

/** Opens the event file of a run in this state: what it did before, without what the state does not know. */
async function begin(
  folder: string,
  { step: steps, epoch: epochs, history }: TrainingState,
  { hyperparameters, images }: TensorBoardOptions,
): Promise<EventFile> {
  const found = new Set<number>();
  const file = await openEventFile(folder, (step, tag) => {
    if (tag.startsWith(STEP)) return step < steps;
    if (tag === HYPERPARAMETERS || step >= epochs) return false;
    if (tag === LEARNING_RATE) found.add(step);
    return true;
  });
  const time = Date.now() / 1000;
  if (hyperparameters !== undefined) file.append({ step: 0, time, values: {}, hyperparameters });
  // Those of a run beyond its first epoch were kept.
  if (epochs === 0 && images !== undefined) {
    await guarded("images", async () => file.append({ step: 0, time, values: await images() }));
  }
  for (const metrics of history) if (!found.has(metrics.epoch)) file.append(summaryOf(metrics));
  return file;
}

/** An epoch's metrics as TensorBoard shows them: those that are a number. */
function summaryOf({ epoch, time, learningRate, ...metrics }: EpochMetrics): SummaryEvent {
  const tags: Readonly<Partial<Record<keyof typeof metrics, string>>> = {
    trainLoss: "loss/train",
    trainTop1: "top-1/train",
    validationLoss: "loss/validation",
    validationTop1: "top-1/validation",
    validationTop5: "top-5/validation",
    testLoss: "loss/test",
    testTop1: "top-1/test",
    testTop5: "top-5/test",
    seconds: "time/seconds per epoch",
    samplesPerSecond: "time/samples per second",
    dataWait: "time/share waiting for data",
  };
  const named = Object.entries(metrics).flatMap(([name, value]) => {
    const tag = tags[name as keyof typeof metrics];
    return tag === undefined || typeof value !== "number" ? [] : [[tag, value] as const];
  });
  return { step: epoch, time, values: { [LEARNING_RATE]: learningRate, ...Object.fromEntries(named) } };
}
