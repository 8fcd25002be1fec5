/** @file Batches from a source, prepared ahead of the consumer. */
import { checkSeed, permutation, random } from "@sew/random";
import { fingerprint } from "./fingerprint.js";
import type { LoaderWorkerData } from "./loaderWorker.js";
import { LoaderInThread } from "./moduleReference.js";
import { type BatchJob, type BatchPlan, prepareBatch, readSamples, shapesAfter } from "./prepareBatch.js";
import { checkSource, type Source } from "./source.js";
import type { ApplyTransform, Transform } from "./transforms/transform.js";
import { createWorkerPool, isPoolThread } from "./workerPool.js";

/** N samples, time first. */
export interface Batch {
  /** Values `[T, N, ...]`, such as `[T, N, H, W, C]`. */
  readonly x: Float32Array;
  /** Shape of `x`. */
  readonly shape: readonly number[];
  /** Labels `[N]`. */
  readonly labels: Int32Array;
  /** Names of the N samples. */
  readonly names: readonly string[];
}

/** Which part of every batch a process of several takes. */
export interface Shard {
  /** Number of this process, in 0..count-1. */
  readonly rank: number;
  /** Number of processes, at least 1. */
  readonly count: number;
}

/** What a loader's batches are made of. */
export interface LoaderOptions {
  /** Samples N per batch, and per rank; at least 1. */
  readonly batchSize: number;
  /** Take the samples in another random order each epoch. @defaultValue `false` */
  readonly shuffle?: boolean;
  /** Decides all random choices; an integer. @defaultValue 0 */
  readonly seed?: number;
  /** Leave out a last batch of fewer samples. @defaultValue `false` */
  readonly dropLast?: boolean;
  /**
   * Changes of each sample, one after another. A bare function, which keeps the shape, is a transform too; it and plain
   * objects need `workers: 0`.
   *
   * @defaultValue none
   */
  readonly transforms?: readonly (Transform | ApplyTransform)[];
  /** Take one rank's part of every batch, for training on several processes. @defaultValue all of it */
  readonly shard?: Shard;
  /** Threads that prepare batches, 0..1024; 0 prepares them in the calling thread, on demand. @defaultValue 1 */
  readonly workers?: number;
  /**
   * Maximum number of batches that are prepared ahead of the consumer. Where epochs are shuffled and threads prepare them, the
   * first ones of the next epoch are among these.
   *
   * @defaultValue twice `workers`
   */
  readonly prefetch?: number;
}

/** Which part of which pass. */
export interface EpochOptions {
  /** Number of the pass, from 0. @defaultValue 0 */
  readonly epoch?: number;
  /** Batches to skip, to resume within an epoch. @defaultValue 0 */
  readonly start?: number;
}

/** More threads than a machine has cores. */
const MOST_WORKERS = 1024;

/** Batches of one source, epoch after epoch, from threads that stay. `train` takes it as its data. */
export interface Loader {
  /** Number of batches of an epoch. */
  readonly batchesPerEpoch: number;
  /** Shape of one sample in a batch, time first: that of the source after all transforms. */
  readonly shape: readonly number[];
  /** Class names of the source; a label is an index into them. */
  readonly classes: readonly string[];
  /**
   * A SHA-256 in hexadecimal that changes when the batches change: with the source's fingerprint, `batchSize`, `shuffle`,
   * `seed`, `dropLast`, the transforms and the number of ranks. All ranks have the same. Of a transform it knows the name
   * and the options, and of a plain one the code of `apply`.
   */
  readonly fingerprint: string;
  /**
   * One pass over the source. Leaving the loop early stops the preparation.
   *
   * @throws RangeError when `epoch` or `start` is not an integer of at least 0, `start` exceeds `batchesPerEpoch`, or a
   *   value is not finite
   * @throws Error what the source or a transform throws, or when a thread dies
   */
  epoch(options?: EpochOptions): AsyncGenerator<Batch, void, undefined>;
  /** Stops the threads. Epochs that are running fail. */
  close(): Promise<void>;
}

/** A pass over the source, as far as it is prepared. */
interface Pass {
  readonly epoch: number;
  /** Numbers of the samples, in their order. */
  readonly order: Int32Array;
  /** The next batch to prepare. */
  next: number;
  /** Batches that are prepared, or being so. */
  readonly ahead: Promise<Batch>[];
  /** Aborted when nobody will take the batches. */
  readonly left: AbortController;
}

/**
 * Makes a {@link Loader} for a source.
 *
 * With R ranks, batch b of an epoch holds the samples `order[b N R .. (b+1) N R)`, of which rank r takes the r-th part of N.
 * `order` is a permutation that depends on (seed, epoch) alone, or the source's own order without `shuffle`. So the ranks'
 * batches b together are the batch b of one process with `batchSize: N * R`. A last batch of fewer samples is divided
 * evenly, so that all ranks have equally many batches.
 *
 * The random numbers of transforms depend on (seed, epoch, sample or batch, position of the transform) alone. So neither
 * the number of workers, nor `start`, nor the shards change a sample.
 *
 * Each thread imports the module of a source of `defineSource` and of the transforms of `defineTransform`: a module of their
 * own, since a loader that the threads would make again is refused. A source that threads cannot open (a plain object) is read in the calling thread; its transforms still run in the
 * workers. Threads that wait for work do not keep the process alive; `close` ends them.
 *
 * @throws RangeError when an option is out of its range, the source's properties do not agree, a transform does not fit
 *   the shape, `dropLast` leaves no batch, or the last batch has fewer samples than there are ranks
 * @throws TypeError when a transform cannot be sent to the worker threads
 *
 * @example
 * await writeSyntheticGestures("gestures", { trainSubjects: 1, testSubjects: 1, lightsPerSubject: 1, gestureSeconds: 0.1 });
 * const cache = await cacheFrames(dvsGesture("gestures"), "train", { dir: "cache", frames: 16 });
 * const loader = createLoader(cache, {
 *   batchSize: 4,
 *   shuffle: true,
 *   seed: 1,
 *   dropLast: true,
 *   transforms: [temporalDelete({ keep: 12 }), randomCrop({ height: 112, width: 112 })],
 * });
 * loader.batchesPerEpoch; // 2
 * loader.shape; // [12, 112, 112, 2]
 * for await (const { x, shape, labels } of loader.epoch({ epoch: 0 })) console.log(shape, labels);
 * await loader.close();
 */
export function createLoader(
  source: Source,
  {
    batchSize,
    shuffle = false,
    seed = 0,
    dropLast = false,
    transforms: requested = [],
    shard = { rank: 0, count: 1 },
    workers = 1,
    prefetch = 2 * workers,
  }: LoaderOptions,
): Loader {
  if (isPoolThread) throw new LoaderInThread();
  checkSource("createLoader", source);
  checkInteger("batchSize", batchSize, 1);
  checkInteger("workers", workers, 0, MOST_WORKERS);
  checkInteger("prefetch", prefetch, 0);
  checkInteger("shard.count", shard.count, 1);
  checkInteger("shard.rank", shard.rank, 0, shard.count - 1);
  checkSeed("createLoader", seed);
  const { count, classes, labels, names } = source;
  const globalBatch = batchSize * shard.count;
  const batchesPerEpoch = dropLast ? Math.floor(count / globalBatch) : Math.ceil(count / globalBatch);
  const ranks = shard.count === 1 ? "" : ` and ${shard.count} ranks`;
  if (batchesPerEpoch === 0) {
    throw new RangeError(
      `createLoader: batchSize must leave a full batch of the ${count} samples, got ${batchSize}${ranks}; ` +
        "lower it, or set dropLast: false",
    );
  }
  const rest = count % globalBatch;
  if (!dropLast && rest > 0 && rest < shard.count) {
    throw new RangeError(
      `createLoader: batchSize must leave each rank a sample of the last batch, got ${batchSize}${ranks}, which leave ` +
        `${rest} of ${count} samples; change it, or set dropLast: true`,
    );
  }
  const transforms = requested.map(toTransform);
  const decodesView = source.readView !== undefined && transforms[0]?.view !== undefined;
  const plan: BatchPlan = { shape: source.shape, seed, decodesView };
  const shape = shapesAfter(transforms, source.shape).at(-1)!;
  const pool =
    workers === 0
      ? undefined
      : createWorkerPool<BatchJob, Float32Array>(new URL("./loaderWorker.js", import.meta.url), workers, {
          ...plan,
          transforms: transforms.map(toReference),
          ...(source.module !== undefined && { source: checkSendable("source", source.module) }),
        } satisfies LoaderWorkerData);

  const prepare = async (epoch: number, batch: number, order: Int32Array, signal: AbortSignal): Promise<Batch> => {
    const first = batch * globalBatch;
    const size = Math.min(globalBatch, count - first);
    const part = (rank: number): number => first + Math.floor((rank * size) / shard.count);
    const samples = order.slice(part(shard.rank), part(shard.rank + 1));
    const [steps = 1, ...frame] = shape;
    return {
      x: await run({ epoch, batch, samples }, signal),
      shape: [steps, samples.length, ...frame],
      labels: samples.map((i) => labels[i]!),
      names: Array.from(samples, (i) => names[i]!),
    };
  };
  const run = async (job: BatchJob, signal: AbortSignal): Promise<Float32Array> => {
    if (pool === undefined) return prepareBatch(source, transforms, plan, job);
    if (source.module !== undefined) return pool.run(job, signal);
    return pool.run({ ...job, values: await readSamples(source, transforms, plan, job) }, signal);
  };

  const begin = (epoch: number, start: number): Pass => ({
    epoch,
    order: shuffle ? permutation(count, random(seed, epoch)) : new Int32Array(count).map((_, i) => i),
    next: start,
    ahead: [],
    left: new AbortController(),
  });
  /** Prepares batches of a pass until `most` are ahead. */
  const fill = (pass: Pass, most: number): void => {
    while (pass.ahead.length < most && pass.next < batchesPerEpoch) {
      const batch = prepare(pass.epoch, pass.next++, pass.order, pass.left.signal);
      batch.catch(() => {}); // Thrown when its turn comes; until then it must not end the process.
      pass.ahead.push(batch);
    }
  };
  /** The epoch after the one that ends: its first batches are prepared while the last ones are used, and during tests. */
  let following: Pass | undefined;

  return {
    batchesPerEpoch,
    shape,
    classes,
    fingerprint: fingerprint({
      source: source.fingerprint,
      batchSize,
      shuffle,
      seed,
      dropLast,
      ranks: shard.count,
      transforms: transforms.map(identity),
    }),
    async *epoch({ epoch = 0, start = 0 } = {}) {
      checkInteger("epoch", epoch, 0);
      checkInteger("start", start, 0, batchesPerEpoch);
      const pass = following?.epoch === epoch && start === 0 ? following : begin(epoch, start);
      if (pass !== following) following?.left.abort();
      following = undefined;
      try {
        for (;;) {
          // The batch that is about to be awaited, and `prefetch` more.
          fill(pass, prefetch + 1);
          const batch = pass.ahead.shift();
          if (batch === undefined) return;
          if (shuffle && pool !== undefined && pass.next === batchesPerEpoch) {
            following ??= begin(epoch + 1, 0);
            fill(following, prefetch - pass.ahead.length);
          }
          yield await batch;
        }
      } finally {
        pass.left.abort();
        if (pass.ahead.length > 0) {
          following?.left.abort();
          following = undefined;
        }
      }
    },
    close: async () => pool?.close(),
  };
}

function toTransform(transform: Transform | ApplyTransform): Transform {
  return typeof transform === "function" ? { name: transform.name || "anonymous", apply: transform } : transform;
}

/** What a thread makes the transform from; throws when there is no such thing. */
function toReference({ name, module }: Transform, position: number): LoaderWorkerData["transforms"][number] {
  if (module === undefined) {
    throw new TypeError(
      `createLoader: transforms[${position}] (${name}) must be made by defineTransform to run in worker threads, got a ` +
        "plain one; define it with defineTransform, or set workers: 0",
    );
  }
  return checkSendable(`transforms[${position}] (${name})`, module);
}

/** Throws when a reference's options cannot be sent to a thread. */
function checkSendable<Reference extends { readonly options?: unknown }>(
  what: string,
  reference: Reference,
): Reference {
  try {
    structuredClone(reference);
  } catch (error) {
    throw new TypeError(
      `createLoader: ${what} must have options that can be sent to a thread (numbers, text, arrays, plain objects), got: ` +
        `${(error as Error).message}; change them, or set workers: 0`,
    );
  }
  return reference;
}

/** What the fingerprint knows of a transform. */
function identity({ name, randomness, apply, module }: Transform): object {
  return module === undefined ? { name, randomness, code: `${apply}` } : { name: module.name, options: module.options };
}

function checkInteger(name: string, value: number, min: number, max = Number.POSITIVE_INFINITY): void {
  if (!(Number.isInteger(value) && value >= min && value <= max)) {
    const range = max === Number.POSITIVE_INFINITY ? `of at least ${min}` : `in ${min}..${max}`;
    throw new RangeError(`createLoader: ${name} must be an integer ${range}, got ${value}`);
  }
}
