/** @file How a run tells a person where it is. */
import cliProgress from "cli-progress";
import type { EpochMetrics } from "./metrics.js";

/** Where a run is, after a batch. */
export interface BatchProgress {
  readonly phase: "train" | "test";
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

/** Something that is told where a run is. */
export interface Progress {
  batch(progress: BatchProgress): void;
  epoch(metrics: EpochMetrics, epochs: number): void;
  message(text: string): void;
  close(): void;
}

/** A progress that says nothing. */
export const silentProgress: Progress = { batch() {}, epoch() {}, message() {}, close() {} };

/** Options of {@link consoleProgress}. */
export interface ConsoleProgressOptions {
  /** Where to write. */
  readonly stream?: NodeJS.WriteStream;
  /** Seconds between two lines, where the stream is no terminal. */
  readonly interval?: number;
}

/**
 * On a terminal a bar with samples per second, loss and time left; elsewhere a line every ten seconds. A line for each
 * epoch on both.
 *
 * @example
 * async function* batches() {
 *   yield { x: Float32Array.of(1, 2), shape: [1, 1, 2], labels: Int32Array.of(0) };
 * }
 * const progress = consoleProgress({ interval: 60 });
 * const run = { model: linear(2, 3), data: { train: batches, test: batches }, out: "runs/one", epochs: 1, progress };
 * await train({ ...run, rate: constantRate(0.1) });
 */
export function consoleProgress({ stream = process.stderr, interval = 10 }: ConsoleProgressOptions = {}): Progress {
  const live = stream.isTTY ? terminalBar(stream) : timedLines(stream, interval);
  const line = (text: string): void => {
    live.close();
    stream.write(`${text}\n`);
  };
  return {
    batch: live.batch,
    close: live.close,
    message: line,
    epoch: (metrics, epochs) => line(describeEpoch(metrics, epochs)),
  };
}

function timedLines(stream: NodeJS.WriteStream, interval: number): Pick<Progress, "batch" | "close"> {
  let last = performance.now();
  return {
    batch(progress) {
      if (performance.now() - last < interval * 1000) return;
      last = performance.now();
      const { batch, batches } = progress;
      stream.write(
        `${describePhase(progress)} ${batch}${batches === undefined ? "" : `/${batches}`}${describeBatch(progress)}\n`,
      );
    },
    close() {},
  };
}

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
      const { batch, batches } = progress;
      const phase = describePhase(progress);
      if (phase !== shown) close();
      shown = phase;
      const payload = { phase, rest: describeBatch(progress) };
      if (bar === undefined) {
        const format = batches === undefined ? "{phase} {value}{rest}" : "{phase} [{bar}] {value}/{total}{rest}";
        bar = new cliProgress.SingleBar({ stream, format, hideCursor: true, clearOnComplete: true, barsize: 24 });
        bar.start(batches ?? Number.MAX_SAFE_INTEGER, batch, payload);
      } else {
        bar.update(batch, payload);
      }
    },
  };
}

function describePhase({ phase, epoch, epochs }: BatchProgress): string {
  return `epoch ${epoch + 1}/${epochs} ${phase}`;
}

function describeBatch({ samplesPerSecond, loss, secondsLeft }: BatchProgress): string {
  const left = secondsLeft === undefined ? "" : ` · ${describeTime(secondsLeft)} left`;
  return ` · ${samplesPerSecond.toFixed(1)} samples/s · loss ${loss.toFixed(4)}${left}`;
}

function describeEpoch(metrics: EpochMetrics, epochs: number): string {
  const { epoch, trainLoss, trainTop1, testLoss, testTop1, testTop5, seconds, samplesPerSecond } = metrics;
  const percent = (fraction: number): string => `${(100 * fraction).toFixed(2)} %`;
  const left = epochs - epoch - 1;
  return [
    `epoch ${epoch + 1}/${epochs}`,
    `train loss ${trainLoss.toFixed(4)}, top-1 ${percent(trainTop1)}`,
    `test loss ${testLoss.toFixed(4)}, top-1 ${percent(testTop1)}${testTop5 === undefined ? "" : `, top-5 ${percent(testTop5)}`}`,
    `${samplesPerSecond.toFixed(1)} samples/s, ${describeTime(seconds)}`,
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
