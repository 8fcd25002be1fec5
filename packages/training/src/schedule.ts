/** @file Learning rates as pure functions of where a run is. */

/** Where a run is, for its schedule. */
export interface ScheduleTime {
  /** The epoch under way, from 0. */
  readonly epoch: number;
  /** Updates made since the start of the run. */
  readonly step: number;
  /** Updates of an epoch; undefined where the data do not say. */
  readonly stepsPerEpoch?: number | undefined;
}

/**
 * The learning rate of the next update; finite, 0 or more. It must depend on its argument alone, so that a resumed run has
 * the same rates.
 */
export type Schedule = (time: ScheduleTime) => number;

/** A length of time: exactly one of the two. */
export interface ScheduleLength {
  /** In epochs: the rate changes between epochs alone. */
  readonly epochs?: number;
  /** In updates: the rate changes at every update. */
  readonly steps?: number;
}

/** Options of {@link cosine}. */
export interface CosineOptions extends ScheduleLength {
  /** The rate at the start; 0 or more. */
  readonly learningRate: number;
}

/**
 * `lr(t) = lr · (1 + cos(π·t / T_max)) / 2`: PyTorch's CosineAnnealingLR with η_min = 0. T_max is `epochs` or `steps`,
 * usually the length of the run; behind it the rate stays 0.
 *
 * @throws RangeError when learningRate is not a finite number of at least 0 or the length not a positive integer
 *
 * @example
 * cosine({ learningRate: 0.1, epochs: 320 })({ epoch: 160, step: 16000 }); // 0.05
 */
export function cosine({ learningRate, ...length }: CosineOptions): Schedule {
  checkRate("cosine", learningRate);
  const { of, count } = clock("cosine", length);
  return (time) => (learningRate * (1 + Math.cos(Math.PI * Math.min(1, of(time) / count)))) / 2;
}

/** Options of {@link stepDecay}: the length is that between two changes. */
export interface StepDecayOptions extends ScheduleLength {
  /** The rate at the start; 0 or more. */
  readonly learningRate: number;
  /** Factor of each change; above 0. @defaultValue 0.1 */
  readonly gamma?: number;
}

/**
 * `lr(t) = lr · γ^⌊t / size⌋`: PyTorch's StepLR. The size is `epochs` or `steps`.
 *
 * @throws RangeError when learningRate is not a finite number of at least 0, gamma not a positive number, or the length not a
 * positive integer
 *
 * @example
 * stepDecay({ learningRate: 1, epochs: 64, gamma: 0.5 })({ epoch: 128, step: 12800 }); // 0.25
 */
export function stepDecay({ learningRate, gamma = 0.1, ...length }: StepDecayOptions): Schedule {
  checkRate("stepDecay", learningRate);
  if (!(gamma > 0 && Number.isFinite(gamma))) {
    throw new RangeError(`stepDecay: gamma must be a positive number, got ${gamma}`);
  }
  const { of, count } = clock("stepDecay", length);
  return (time) => learningRate * gamma ** Math.floor(of(time) / count);
}

/**
 * `lr(t) = lr`; a plain number does the same wherever a schedule is taken.
 *
 * @throws RangeError when learningRate is not a finite number of at least 0
 *
 * @example
 * constant(0.001)({ epoch: 7, step: 700 }); // 0.001
 */
export function constant(learningRate: number): Schedule {
  checkRate("constant", learningRate);
  return () => learningRate;
}

/**
 * Linear warm-up to a schedule: `lr(t) = schedule(t) · min(1, (t + 1) / n)`, n being `epochs` or `steps`.
 *
 * P. Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017.
 *
 * @throws RangeError when the length is not a positive integer
 *
 * @example
 * const schedule = warmup({ epochs: 5 }, cosine({ learningRate: 0.1, epochs: 320 }));
 * schedule({ epoch: 0, step: 0 }); // 0.02
 */
export function warmup(length: ScheduleLength, schedule: Schedule | number): Schedule {
  const { of, count } = clock("warmup", length);
  const warmed = toSchedule(schedule, "warmup");
  return (time) => warmed(time) * Math.min(1, (of(time) + 1) / count);
}

/** A learning rate as a schedule. */
export function toSchedule(learningRate: Schedule | number, caller = "training"): Schedule {
  if (typeof learningRate === "number") return () => learningRate;
  if (typeof learningRate === "function") return learningRate;
  throw new TypeError(`${caller}: learningRate must be a number or a schedule, got ${learningRate}`);
}

/** The rate at a time. Throws when it is none. */
export function rateAt(caller: string, schedule: Schedule, time: ScheduleTime): number {
  const rate = schedule(time);
  if (rate >= 0 && Number.isFinite(rate)) return rate;
  throw new RangeError(
    `${caller}: learningRate must be a finite number of at least 0, got ${rate} at step ${time.step} of epoch ${time.epoch}; ` +
      "correct the schedule of the rate",
  );
}

/** What a schedule counts, and up to where. */
function clock(
  caller: string,
  { epochs, steps }: ScheduleLength,
): { of: (time: ScheduleTime) => number; count: number } {
  if ((epochs === undefined) === (steps === undefined)) {
    throw new RangeError(
      `${caller}: length must be one of epochs and steps, got ${epochs === undefined ? "neither" : "both"}`,
    );
  }
  const [name, count] = epochs === undefined ? (["steps", steps!] as const) : (["epochs", epochs] as const);
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`${caller}: ${name} must be an integer of at least 1, got ${count}`);
  }
  return { of: name === "steps" ? ({ step }) => step : ({ epoch }) => epoch, count };
}

function checkRate(caller: string, value: number): void {
  if (!(value >= 0 && Number.isFinite(value))) {
    throw new RangeError(`${caller}: learningRate must be a finite number of at least 0, got ${value}`);
  }
}
