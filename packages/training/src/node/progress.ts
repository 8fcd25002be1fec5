/** @file Progress of a run on a terminal or as log lines. */
import { printable } from "@sew/kernels";
import cliProgress from "cli-progress";
import type { Data } from "../data.js";
import type { Listener } from "../events.js";
import type { EpochMetrics } from "../metrics.js";
import { ignoreWriteErrors } from "./brokenOutput.js";

/** Where a run is, after a batch. */
export interface BatchProgress {
  readonly phase: "train" | "validation" | "test";
  /** Counted from 0. */
  readonly epoch: number;
  readonly epochs: number;
  /** Batches done in this phase, and how many there are, where that is known. */
  readonly batch: number;
  readonly batches?: number | undefined;
  /** Mean over the samples of this phase so far. */
  readonly loss: number;
  readonly samplesPerSecond: number;
  /** Until the phase ends, where that is known. */
  readonly secondsLeft?: number | undefined;
}

/** Receives progress updates. */
export interface Progress {
  /** After each batch that was trained on or evaluated. */
  batch(progress: BatchProgress): void;
  /** After each epoch. */
  epoch(metrics: EpochMetrics, epochs: number): void;
  message(text: string): void;
  /** Leaves the terminal in order. */
  close(): void;
}

/** Shows nothing. */
export const silentProgress: Progress = { batch() {}, epoch() {}, message() {}, close() {} };

/** Options of {@link consoleProgress}. */
export interface ConsoleProgressOptions {
  /** @defaultValue standard error */
  readonly stream?: NodeJS.WriteStream;
  /** Seconds between two lines, where the stream is no terminal. @defaultValue 10 */
  readonly interval?: number;
}

/**
 * On a terminal a bar with samples per second, loss and time left, as far as its width allows; elsewhere a line every ten
 * seconds. A line for each epoch on both.
 *
 * Where the stream can no longer be written, such as a pipe whose reader has ended, the run goes on without output. Control
 * characters in messages are shown as escapes.
 *
 * @example
 * import { consoleProgress } from "@sew/training/node";
 *
 * const progress = consoleProgress({ interval: 60 });
 * progress.close();
 */
export function consoleProgress({ stream = process.stderr, interval = 10 }: ConsoleProgressOptions = {}): Progress {
  ignoreWriteErrors(stream);
  const live = stream.isTTY ? terminalBar(stream) : timedLines(stream, interval);
  const line = (text: string): void => {
    live.close();
    stream.write(`${printable(text)}\n`);
  };
  return {
    batch: live.batch,
    close: live.close,
    message: line,
    epoch: (metrics, epochs) => line(describeEpoch(metrics, epochs)),
  };
}

/** A listener that reports the events of a run to a progress. */
export function showProgress(progress: Progress, data: Data, epochs: number): Listener {
  return async function* (events) {
    for await (const event of events) {
      if (event.type === "step") {
        const { batch, sums } = event.state;
        const { samples, loss, seconds } = sums;
        const batches = data.train.batchesPerEpoch;
        progress.batch({
          phase: "train",
          epoch: event.epoch,
          epochs,
          ...pace(batch, batches, samples, seconds),
          loss: loss / samples,
        });
      }
      if (event.type === "evaluating") {
        const { data: phase, epoch, batches: batch, samples, loss, seconds } = event;
        progress.batch({ phase, epoch, epochs, ...pace(batch, data[phase]?.batchesPerEpoch, samples, seconds), loss });
      }
      if (event.type === "epoch") progress.epoch(event.metrics, epochs);
      yield event;
    }
  };
}

/** Speed and time left after so many batches. */
function pace(
  batch: number,
  batches: number | undefined,
  samples: number,
  seconds: number,
): Pick<BatchProgress, "batch" | "batches" | "samplesPerSecond" | "secondsLeft"> {
  const secondsLeft = batches === undefined || batch === 0 ? undefined : ((batches - batch) * seconds) / batch;
  return { batch, batches, samplesPerSecond: samples / seconds, secondsLeft };
}

function timedLines(stream: NodeJS.WriteStream, interval: number): Pick<Progress, "batch" | "close"> {
  let last = performance.now();
  return {
    batch(progress) {
      if (performance.now() - last < interval * 1000) return;
      last = performance.now();
      const { phase, count, speed, loss, left } = describeBatch(progress);
      stream.write(`${phase} ${joined(count, speed, loss, left)}\n`);
    },
    close() {},
  };
}

/** Columns of a terminal that does not say how many it has. */
const COLUMNS = 80;

/** Columns of the longest bar, and of the shortest. */
const [LONGEST_BAR, SHORTEST_BAR] = [24, 4];

function terminalBar(stream: NodeJS.WriteStream): Pick<Progress, "batch" | "close"> {
  let bar: cliProgress.SingleBar | undefined;
  let shown = "";
  const close = (): void => {
    bar?.stop();
    bar = undefined;
  };
  return {
    close,
    batch(progress) {
      const { batch } = progress;
      const phase = describePhase(progress);
      if (phase !== shown) close();
      shown = phase;
      if (bar === undefined) {
        const format: cliProgress.GenericFormatter = (_, __, payload: { progress: BatchProgress }) =>
          describeLine(payload.progress, stream.columns || COLUMNS);
        bar = new cliProgress.SingleBar({ stream, format, hideCursor: true, clearOnComplete: true });
        bar.start(totalOf(progress) ?? Number.MAX_SAFE_INTEGER, batch, { progress });
      } else {
        bar.update(batch, { progress });
      }
    },
  };
}

/** What fits into one line of a terminal: the bar shrinks first, then the speed goes, then the loss. */
function describeLine(progress: BatchProgress, columns: number): string {
  const { phase, count, speed, loss, left } = describeBatch(progress);
  const all = joined(count, speed, loss, left);
  const total = totalOf(progress);
  const size = Math.min(LONGEST_BAR, columns - `${phase} [] ${all}`.length - 1);
  if (total !== undefined && size >= SHORTEST_BAR) {
    const done = Math.round((size * progress.batch) / total);
    return `${phase} [${"=".repeat(done)}${"-".repeat(size - done)}] ${all}`;
  }
  const lines = [all, joined(count, loss, left), joined(count, left)].map((text) => `${phase} ${text}`);
  return lines.find(({ length }) => length < columns) ?? lines.at(-1)!.slice(0, Math.max(0, columns - 1));
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(" · ");
}

function describePhase({ phase, epoch, epochs }: BatchProgress): string {
  return `epoch ${epoch + 1}/${epochs} ${phase}`;
}

/** Batches of the phase; undefined where that is unknown, or was too low. */
function totalOf({ batch, batches = 0 }: BatchProgress): number | undefined {
  return batches > 0 && batch <= batches ? batches : undefined;
}

/** The parts of a line; no time left where it is not known. */
function describeBatch(progress: BatchProgress): Record<"phase" | "count" | "speed" | "loss" | "left", string> {
  const { batch, samplesPerSecond, loss, secondsLeft = Number.NaN } = progress;
  const total = totalOf(progress);
  return {
    phase: describePhase(progress),
    count: total === undefined ? `${batch}` : `${batch}/${total}`,
    speed: describeSpeed(samplesPerSecond),
    loss: `loss ${loss.toFixed(4)}`,
    left:
      total !== undefined && secondsLeft >= 0 && Number.isFinite(secondsLeft)
        ? `${describeTime(secondsLeft)} left`
        : "",
  };
}

/** One decimal, or two digits of what is slower than one sample per second. */
function describeSpeed(samplesPerSecond: number): string {
  return `${samplesPerSecond < 1 ? samplesPerSecond.toPrecision(2) : samplesPerSecond.toFixed(1)} samples/s`;
}

function describeEpoch(metrics: EpochMetrics, epochs: number): string {
  const { epoch, trainLoss, trainTop1, seconds, samplesPerSecond, dataWait } = metrics;
  const percent = (fraction: number): string => `${(100 * fraction).toFixed(2)} %`;
  const describe = (name: string, loss?: number, top1?: number, top5?: number): string[] => {
    if (loss === undefined || top1 === undefined) return [];
    return [
      `${name} loss ${loss.toFixed(4)}, top-1 ${percent(top1)}${top5 === undefined ? "" : `, top-5 ${percent(top5)}`}`,
    ];
  };
  const left = epochs - epoch - 1;
  return [
    `epoch ${epoch + 1}/${epochs}`,
    ...describe("train", trainLoss, trainTop1),
    ...describe("validation", metrics.validationLoss, metrics.validationTop1, metrics.validationTop5),
    ...describe("test", metrics.testLoss, metrics.testTop1, metrics.testTop5),
    `${describeSpeed(samplesPerSecond)}, ${describeTime(seconds)}`,
    ...(dataWait >= 0.02 ? [`${Math.round(100 * dataWait)} % waiting for data`] : []),
    ...(left > 0 ? [`about ${describeTime(left * seconds)} left`] : []),
  ].join(" · ");
}

/** Two units at most: `1 h 20 min`, `4 min 5 s`, `7 s`. */
function describeTime(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
