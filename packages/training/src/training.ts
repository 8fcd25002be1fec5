import type { Module } from "@sew/layers";
import { mixSeed } from "@sew/random";
import { crossEntropy, type Loss } from "./crossEntropy.js";
import { type Batch, checkClasses, type Data, selectionOf } from "./data.js";
import { type Evaluation, evaluating } from "./evaluate.js";
import { initialState, type TrainingEvent, type TrainingState } from "./events.js";
import { checkWeights, Diverged } from "./finite.js";
import { type EpochMeasures, type EpochMetrics, scoreOf } from "./metrics.js";
import { momentum } from "./momentum.js";
import { type Optimizer, optimizer as optimizerOf } from "./optimizer.js";
import { rateAt, type Schedule, toSchedule } from "./schedule.js";
import { accumulatedStep, type TrainStepOptions } from "./trainStep.js";
import type { Transform } from "./transform.js";

/** Options of {@link training}. */
export interface TrainingOptions {
  /** `[T, N, ...] → [T, N, classes]`; trained in place. */
  readonly model: Module;
  readonly data: Data;
  /** Epochs of the whole run; 1 or more. */
  readonly epochs: number;
  /** A finite number, 0 or more, or a schedule, such as `cosine({ learningRate: 0.1, epochs: 64 })`. */
  readonly learningRate: number | Schedule;
  /** Transform of the gradients, or an optimiser of the model, which the caller disposes. @defaultValue `momentum()` */
  readonly optimizer?: Transform | Optimizer | undefined;
  /** Loss of training and evaluation. @defaultValue `crossEntropy` */
  readonly loss?: Loss | undefined;
  /** Seed of the run's random choices, an integer. @defaultValue 0 */
  readonly seed?: number | undefined;
  /**
   * Gradient accumulation: batches per update, 1 or more. The update is that of their mean over samples, as if they were one
   * batch; but batch norm sees each batch by itself. The last update of an epoch may have fewer.
   * @defaultValue 1
   */
  readonly accumulate?: number | undefined;
  /** See `trainStep`; for the all-reduce of a distributed run. @defaultValue the gradients as they are */
  readonly reduce?: TrainStepOptions["reduce"];
  /**
   * Measures an epoch after its evaluations, for its metrics; the model has the weights that were evaluated.
   * @defaultValue nothing is measured
   */
  readonly measure?: ((epoch: number) => EpochMeasures | Promise<EpochMeasures>) | undefined;
  /** See `trainStep`: sees the training passes, and not those of tests. @defaultValue none */
  readonly observe?: TrainStepOptions["observe"];
  /** Where to resume; the model and the optimiser must be in that state. @defaultValue the start of a run */
  readonly start?: TrainingState | undefined;
}

/**
 * Trains a model, as a stream of events: it goes on while the stream is read, and stops when the reader leaves it.
 *
 * It touches no files, signals or terminals, and runs in browsers too. What a run needs besides are listeners: early stopping
 * and averages of weights here, checkpoints, metrics, progress and signals in `@sew/training/node`, whose `train` wires them
 * up. Each event has the {@link TrainingState} from which the run resumes.
 *
 * Each epoch is evaluated on the validation and the test data, where there are any. The best is that with the highest top-1
 * on the validation data, else on the test data, the first of equals; with neither it is the last one.
 *
 * @throws RangeError at once when an option is out of range. The stream throws RangeError when a batch does not fit the
 * model, holds NaN or infinity, or there is none; Diverged when a weight is not finite at the start, or the loss, a gradient or
 * a running statistic at a step, which it names
 * @see W. Fang et al., "Deep Residual Learning in Spiking Neural Networks", NeurIPS 2021, table 7
 *
 * @example
 * async function* batches() {
 *   yield { x: Float32Array.of(1, 2), shape: [1, 1, 2], labels: Int32Array.of(0) };
 * }
 * const types = [];
 * const data = { train: { epoch: batches }, test: { epoch: batches } };
 * for await (const event of training({ model: linear(2, 3), data, epochs: 1, learningRate: 0.1 })) types.push(event.type);
 * types; // ["start", "step", "trained", "evaluating", "tested", "epoch"]
 */
export function training(options: TrainingOptions): AsyncGenerator<TrainingEvent, void, undefined> {
  checkOptions("training", options);
  return events(options);
}

/** Throws when an option is out of range. */
export function checkOptions(caller: string, options: TrainingOptions): void {
  const { epochs, seed = 0, accumulate = 1 } = options;
  for (const [name, value] of Object.entries({ epochs, accumulate })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`${caller}: ${name} must be an integer of at least 1, got ${value}`);
    }
  }
  if (!Number.isSafeInteger(seed)) throw new RangeError(`${caller}: seed must be an integer, got ${seed}`);
  checkClasses(caller, options.data);
  ratesOf(caller, options);
}

/** The learning rate at the start of each epoch. Where the data do not say how long an epoch is, it counts as one step. */
export function ratesOf(caller: string, options: TrainingOptions): number[] {
  const { epochs, learningRate } = options;
  const stepsPerEpoch = stepsOf(options);
  return Array.from({ length: epochs }, (_, epoch) =>
    rateAt(caller, toSchedule(learningRate, caller), { epoch, step: epoch * (stepsPerEpoch ?? 1), stepsPerEpoch }),
  );
}

function stepsOf({ data, accumulate = 1 }: TrainingOptions): number | undefined {
  const { batchesPerEpoch } = data.train;
  return batchesPerEpoch === undefined ? undefined : Math.ceil(batchesPerEpoch / accumulate);
}

async function* events(options: TrainingOptions): AsyncGenerator<TrainingEvent, void, undefined> {
  const { model, epochs, start = initialState, optimizer: transform = momentum() } = options;
  const optimizer = isOptimizer(transform) ? transform : optimizerOf(model, transform);
  try {
    let state = start;
    await checkWeights("training", model);
    yield { type: "start", state };
    while (state.epoch < epochs) {
      const { epoch } = state;
      state = yield* trainEpoch(options, optimizer, state);
      yield { type: "trained", state, epoch };
      const started = performance.now();
      const validation = yield* evaluateOn("validation", options, state);
      const test = yield* evaluateOn("test", options, state);
      const seconds = (performance.now() - started) / 1000;
      const metrics = summarise(state, { validation, test }, seconds, await options.measure?.(epoch));
      const best = isBest(options.data, state, metrics);
      yield { type: "tested", state, epoch, metrics, validation, test, best };
      state = {
        ...initialState,
        epoch: epoch + 1,
        step: state.step,
        learningRate: state.learningRate,
        history: [...state.history, metrics],
        best: best ? epoch : state.best,
      };
      yield { type: "epoch", state, epoch, metrics, best };
    }
  } finally {
    if (optimizer !== transform) optimizer.dispose();
  }
}

function isOptimizer(value: Transform | Optimizer): value is Optimizer {
  return typeof value === "object" && "apply" in value && "variables" in value;
}

/** Trains until the epoch's batches are done; returns the state behind them. */
async function* trainEpoch(
  options: TrainingOptions,
  optimizer: Optimizer,
  from: TrainingState,
): AsyncGenerator<TrainingEvent, TrainingState> {
  const { model, data, loss, reduce, observe, seed = 0, accumulate = 1 } = options;
  const { epoch } = from;
  const schedule = toSchedule(options.learningRate);
  const batches = data.train.epoch({ epoch, start: from.batch })[Symbol.asyncIterator]();
  let state = from;
  let resumed = performance.now();
  try {
    for (;;) {
      const { step, batch, sums } = state;
      let [learningRate, waited] = [0, 0];
      const rate = (): number => {
        learningRate = rateAt("training", schedule, { epoch, step, stepsPerEpoch: stepsOf(options) });
        return learningRate;
      };
      const place = (index = 0): string => ` at batch ${batch + index} of epoch ${epoch}, step ${step} (all from 0)`;
      const result = await accumulatedStep(
        model,
        optimizer,
        take(batches, accumulate, (milliseconds) => {
          waited += milliseconds;
        }),
        { rate, seed: mixSeed(seed, epoch, batch), loss, reduce, observe, classes: data.train.classes },
        "training",
        place,
      );
      if (result === undefined) break;
      if (!Number.isFinite(result.loss)) {
        throw new Diverged(
          `training: loss must be finite, got ${result.loss}${place()}; lower the learning rate (${learningRate}) and ` +
            "start again, or clip the gradients",
        );
      }
      const { samples, correct } = result;
      state = {
        ...state,
        batch: batch + result.batches,
        step: step + 1,
        learningRate,
        sums: {
          samples: sums.samples + samples,
          loss: sums.loss + samples * result.loss,
          correct: sums.correct + correct,
          seconds: sums.seconds + (performance.now() - resumed) / 1000,
          waited: sums.waited + waited / 1000,
        },
      };
      yield { type: "step", state, epoch, step, batch, loss: result.loss, correct, samples, learningRate };
      resumed = performance.now();
    }
  } finally {
    await batches.return?.();
  }
  if (state.sums.samples === 0) {
    throw new RangeError(`training: data must have at least 1 training sample in epoch ${epoch}, got none`);
  }
  return state;
}

/** The next n batches, or those that are left. */
async function* take(
  batches: AsyncIterator<Batch>,
  n: number,
  onWait: (milliseconds: number) => void,
): AsyncGenerator<Batch> {
  for (let i = 0; i < n; i++) {
    const asked = performance.now();
    const { value, done } = await batches.next();
    onWait(performance.now() - asked);
    if (done === true) return;
    yield value;
  }
}

/** Evaluates on one of the data sets; undefined where there is none. */
async function* evaluateOn(
  which: "validation" | "test",
  { model, data: { [which]: source }, loss = crossEntropy }: TrainingOptions,
  state: TrainingState,
): AsyncGenerator<TrainingEvent, Evaluation | undefined> {
  if (source === undefined) return undefined;
  const started = performance.now();
  const steps = evaluating(model, source.epoch(), {
    loss,
    caller: "training",
    data: `the ${which} data of epoch ${state.epoch}`,
    classes: source.classes,
  });
  try {
    for (;;) {
      const { value, done } = await steps.next();
      if (done) return value;
      const seconds = (performance.now() - started) / 1000;
      yield { type: "evaluating", state, epoch: state.epoch, data: which, ...value, seconds };
    }
  } finally {
    await steps.return(undefined as never);
  }
}

function summarise(
  { epoch, sums, learningRate }: TrainingState,
  { validation, test }: { validation: Evaluation | undefined; test: Evaluation | undefined },
  seconds: number,
  measures: EpochMeasures = {},
): EpochMetrics {
  return {
    epoch,
    learningRate,
    trainLoss: sums.loss / sums.samples,
    trainTop1: sums.correct / sums.samples,
    ...(validation !== undefined && { validationLoss: validation.loss, validationTop1: validation.top1 }),
    ...(validation?.top5 !== undefined && { validationTop5: validation.top5 }),
    ...(validation?.top1PerStep !== undefined && { validationTop1PerStep: validation.top1PerStep }),
    ...(test !== undefined && { testLoss: test.loss, testTop1: test.top1 }),
    ...(test?.top5 !== undefined && { testTop5: test.top5 }),
    ...(test?.top1PerStep !== undefined && { testTop1PerStep: test.top1PerStep }),
    seconds: sums.seconds + seconds,
    samplesPerSecond: sums.samples / sums.seconds,
    dataWait: sums.waited / sums.seconds,
    time: Date.now() / 1000,
    ...measures,
  };
}

/** Whether an epoch is better than the best before it. */
function isBest(data: Data, { history, best }: TrainingState, metrics: EpochMetrics): boolean {
  if (best === undefined || selectionOf(data) === "last") return true;
  return scoreOf(metrics)! > scoreOf(history[best]!)!;
}
