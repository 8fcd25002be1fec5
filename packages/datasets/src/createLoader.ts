/** @file Batches from a frame cache, prepared ahead of the consumer. */
import { join } from "node:path";
import { FRAMES, type FrameCache } from "./frameCache.js";
import { checkSeed, permutation, random } from "./random.js";
import { randomTemporalDelete } from "./randomTemporalDelete.js";
import { type BatchJob, type FrameLayout, readBatch } from "./readBatch.js";
import { createWorkerPool } from "./workerPool.js";

/** N samples, time first. */
export interface Batch {
  /** Counts `[T, N, H, W, 2]`. */
  readonly x: Float32Array;
  /** `[T, N, H, W, 2]`. */
  readonly shape: readonly [number, number, number, number, number];
  /** Labels `[N]`. */
  readonly labels: Int32Array;
  /** Names of the N samples. */
  readonly names: readonly string[];
}

/** What a loader's batches are made of. */
export interface LoaderOptions {
  /** Samples N per batch. */
  readonly batchSize: number;
  /** Take the samples in another random order each epoch. @defaultValue `false` */
  readonly shuffle?: boolean;
  /** Decides all random choices. @defaultValue 0 */
  readonly seed?: number;
  /** Leave out a last batch of fewer than `batchSize` samples. @defaultValue `false` */
  readonly dropLast?: boolean;
  /** Random temporal delete: time-steps T_train to keep of each batch. By default all. */
  readonly keepFrames?: number;
  /** Threads that prepare batches; 0 prepares them in the calling thread, on demand. @defaultValue 1 */
  readonly workers?: number;
  /** Most batches that are prepared or in preparation ahead of the consumer. @defaultValue twice `workers` */
  readonly prefetch?: number;
}

/** Which part of which pass. */
export interface EpochOptions {
  /** Number of the pass, from 0. @defaultValue 0 */
  readonly epoch?: number;
  /** Batches to skip, to go on where a run stopped. @defaultValue 0 */
  readonly start?: number;
}

/** Batches of one cache, pass after pass, on threads that stay. */
export interface Loader {
  /** Number of batches of a pass. */
  readonly batchesPerEpoch: number;
  /**
   * One pass over the cache. Leaving the loop early stops the preparation.
   *
   * @throws RangeError when `epoch` or `start` is not a whole number, or `start` exceeds `batchesPerEpoch`
   * @throws Error when the cache's file has changed since it was opened, or a thread dies
   */
  epoch(options?: EpochOptions): AsyncGenerator<Batch, void, undefined>;
  /** Stops the threads. Passes that are running fail. */
  close(): Promise<void>;
}

/**
 * Makes a {@link Loader} for a frame cache.
 *
 * Batch b of a pass holds the samples `order[b N .. (b+1) N)`, with `order` a permutation that depends on (seed, epoch)
 * alone, or the cache's own order without `shuffle`. Its time-steps are those of `randomTemporalDelete`, which depend on
 * (seed, epoch, b) alone. So neither the number of workers nor `start` changes a batch.
 *
 * Threads that wait for work do not keep the process alive; `close` ends them.
 *
 * @throws RangeError when an option is out of its range, or `dropLast` leaves no batch
 *
 * @example
 * await writeSyntheticGestures("gestures", { trainSubjects: 1, testSubjects: 1, lightsPerSubject: 1, gestureSeconds: 0.1 });
 * const cache = await cacheFrames(dvsGesture("gestures"), "train", { dir: "cache", frames: 16 });
 * const loader = createLoader(cache, { batchSize: 4, shuffle: true, seed: 1, dropLast: true, keepFrames: 12 });
 * loader.batchesPerEpoch; // 2
 * for await (const { x, shape, labels } of loader.epoch({ epoch: 0 })) console.log(shape, labels);
 * await loader.close();
 */
export function createLoader(
  cache: FrameCache,
  {
    batchSize,
    shuffle = false,
    seed = 0,
    dropLast = false,
    keepFrames = cache.frames,
    workers = 1,
    prefetch = 2 * workers,
  }: LoaderOptions,
): Loader {
  checkWhole("batchSize", batchSize, 1);
  checkWhole("keepFrames", keepFrames, 1, cache.frames);
  checkWhole("workers", workers, 0);
  checkWhole("prefetch", prefetch, 0);
  checkSeed("createLoader", seed);
  const count = cache.labels.length;
  const batchesPerEpoch = dropLast ? Math.floor(count / batchSize) : Math.ceil(count / batchSize);
  if (batchesPerEpoch === 0) {
    throw new RangeError(
      `createLoader: batchSize must be at most the ${count} samples of the cache, got ${batchSize}; ` +
        "lower it, or set dropLast: false",
    );
  }
  const { path, type, bytes, frames, height, width } = cache;
  const layout: FrameLayout = { file: join(path, FRAMES), type, bytes, frames, height, width };
  const pool =
    workers === 0
      ? undefined
      : createWorkerPool<BatchJob, Float32Array>(new URL("./loaderWorker.js", import.meta.url), workers);

  const prepare = async (epoch: number, index: number, order: Int32Array, signal: AbortSignal): Promise<Batch> => {
    const samples = order.slice(index * batchSize, (index + 1) * batchSize);
    const steps = randomTemporalDelete(frames, keepFrames, random(seed, epoch, index).int(2 ** 31));
    const job = { layout, samples, steps };
    return {
      x: pool === undefined ? readBatch(job) : await pool.run(job, signal),
      shape: [steps.length, samples.length, height, width, 2],
      labels: samples.map((i) => cache.labels[i]!),
      names: Array.from(samples, (i) => cache.names[i]!),
    };
  };

  return {
    batchesPerEpoch,
    async *epoch({ epoch = 0, start = 0 } = {}) {
      checkWhole("epoch", epoch, 0);
      checkWhole("start", start, 0, batchesPerEpoch);
      const order = shuffle ? permutation(count, random(seed, epoch)) : Int32Array.from({ length: count }, (_, i) => i);
      const left = new AbortController();
      const ahead: Promise<Batch>[] = [];
      try {
        for (let next = start; ; ) {
          // The batch that is about to be waited for, and `prefetch` more.
          while (ahead.length <= prefetch && next < batchesPerEpoch) {
            const batch = prepare(epoch, next++, order, left.signal);
            batch.catch(() => {}); // Seen when its turn comes; until then it must not end the process.
            ahead.push(batch);
          }
          const batch = ahead.shift();
          if (batch === undefined) return;
          yield await batch;
        }
      } finally {
        left.abort();
      }
    },
    close: async () => pool?.close(),
  };
}

/**
 * One pass over a frame cache, on threads of its own: {@link createLoader}, `epoch` and `close` in one.
 *
 * @example
 * await writeSyntheticGestures("gestures", { trainSubjects: 1, testSubjects: 1, lightsPerSubject: 1, gestureSeconds: 0.1 });
 * const cache = await cacheFrames(dvsGesture("gestures"), "test", { dir: "cache", frames: 16 });
 * const sizes = [];
 * for await (const { labels } of batches(cache, { batchSize: 4 })) sizes.push(labels.length);
 * sizes; // [4, 4, 3]
 */
export async function* batches(
  cache: FrameCache,
  { epoch = 0, start = 0, ...options }: LoaderOptions & EpochOptions,
): AsyncGenerator<Batch, void, undefined> {
  const loader = createLoader(cache, options);
  try {
    yield* loader.epoch({ epoch, start });
  } finally {
    await loader.close();
  }
}

function checkWhole(name: string, value: number, min: number, max = Number.POSITIVE_INFINITY): void {
  if (!(Number.isInteger(value) && value >= min && value <= max)) {
    const range = max === Number.POSITIVE_INFINITY ? `of at least ${min}` : `in ${min}..${max}`;
    throw new RangeError(`createLoader: ${name} must be a whole number ${range}, got ${value}`);
  }
}
