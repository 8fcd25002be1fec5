/** @file The events of a run, and the state from which it resumes. */
import type { Evaluation } from "./evaluate.js";
import type { EpochMetrics } from "./metrics.js";

/** Where a run is. With the model's, the optimiser's and the average's tensors it is all that resuming needs. */
export interface TrainingState {
  /** The epoch under way, from 0. */
  readonly epoch: number;
  /** Batches of it that are done. */
  readonly batch: number;
  /** Updates made since the start of the run. */
  readonly step: number;
  /** Of those batches: loss and correct labels summed over samples, and the time they took, and were waited for. */
  readonly sums: {
    readonly samples: number;
    readonly loss: number;
    readonly correct: number;
    readonly seconds: number;
    readonly waited: number;
  };
  /** The learning rate of the last update. */
  readonly learningRate: number;
  /** Metrics of the epochs done. */
  readonly history: readonly EpochMetrics[];
  /** The best epoch so far; undefined before any is done. */
  readonly best?: number | undefined;
}

/** The state of a run that begins. */
export const initialState: TrainingState = {
  epoch: 0,
  batch: 0,
  step: 0,
  sums: { samples: 0, loss: 0, correct: 0, seconds: 0, waited: 0 },
  learningRate: 0,
  history: [],
};

/** The run begins, or resumes. */
export interface StartEvent {
  readonly type: "start";
  readonly state: TrainingState;
}

/** An update was made. */
export interface StepEvent {
  readonly type: "step";
  /** Behind the update. */
  readonly state: TrainingState;
  /** The epoch, the step since the start of the run, and the step's first batch in the epoch, all from 0. */
  readonly epoch: number;
  readonly step: number;
  readonly batch: number;
  /** Mean over the step's samples. */
  readonly loss: number;
  /** Samples whose label had the highest score. */
  readonly correct: number;
  readonly samples: number;
  readonly learningRate: number;
}

/** All batches of an epoch are done. Its evaluations begin when the stream is read on. */
export interface TrainedEvent {
  readonly type: "trained";
  readonly state: TrainingState;
  readonly epoch: number;
}

/** A batch was evaluated. */
export interface EvaluatingEvent {
  readonly type: "evaluating";
  readonly state: TrainingState;
  readonly epoch: number;
  readonly data: "validation" | "test";
  /** Batches and samples done. */
  readonly batches: number;
  readonly samples: number;
  /** Mean over those samples. */
  readonly loss: number;
  readonly seconds: number;
}

/** The evaluations of an epoch are over. The model still has the weights that were evaluated. */
export interface TestedEvent {
  readonly type: "tested";
  readonly state: TrainingState;
  readonly epoch: number;
  readonly metrics: EpochMetrics;
  readonly validation?: Evaluation | undefined;
  readonly test?: Evaluation | undefined;
  /** Whether it is the best epoch so far. */
  readonly best: boolean;
}

/** An epoch is over. */
export interface EpochEvent {
  readonly type: "epoch";
  /** At the start of the next epoch. */
  readonly state: TrainingState;
  readonly epoch: number;
  readonly metrics: EpochMetrics;
  readonly best: boolean;
}

/** What happens in a run, in this order: `start`; then for each epoch `step`s, `trained`, `evaluating`s, `tested`, `epoch`. */
export type TrainingEvent = StartEvent | StepEvent | TrainedEvent | EvaluatingEvent | TestedEvent | EpochEvent;

/**
 * A listener passes the stream of events on, and may act before and after each; it ends the run by returning.
 *
 * What it awaits delays the run. The listener after it in {@link listen} sees what it passes on.
 */
export type Listener = (events: AsyncIterable<TrainingEvent>) => AsyncIterable<TrainingEvent>;

/**
 * Attaches listeners to a stream, the first next to the run.
 *
 * @example
 * async function* batches() {
 *   yield { x: Float32Array.of(1, 2), shape: [1, 1, 2], labels: Int32Array.of(0) };
 * }
 * const source = { epoch: batches };
 * const data = { train: source, validation: source };
 * const run = training({ model: linear(2, 3), data, epochs: 50, learningRate: 0.1 });
 * for await (const event of listen(run, earlyStopping({ patience: 3 }))) {
 *   if (event.type === "epoch") console.log(event.metrics.validationTop1);
 * }
 */
export function listen(
  events: AsyncIterable<TrainingEvent>,
  ...listeners: readonly Listener[]
): AsyncIterable<TrainingEvent> {
  return listeners.reduce((stream, listener) => listener(stream), events);
}

/**
 * A listener that calls a function with every event.
 *
 * @example
 * const losses: number[] = [];
 * const listener = onEvent((event) => {
 *   if (event.type === "step") losses.push(event.loss);
 * });
 */
export function onEvent(call: (event: TrainingEvent) => void | Promise<void>): Listener {
  return async function* (events) {
    for await (const event of events) {
      await call(event);
      yield event;
    }
  };
}
