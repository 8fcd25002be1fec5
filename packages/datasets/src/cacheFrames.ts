import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { inspect } from "node:util";
import type { EventDataset, Sample, Split } from "./eventDataset.js";
import type { FrameCache, FrameCacheManifest } from "./frameCache.js";
import { checkSlicing, durationFrames, integrate, type Slicing, type SplitBy } from "./integrate.js";
import { checkDistinct, checkLabels, checkName, checkSize } from "./source.js";
import { type CachePlan, storeFrames } from "./storeFrames.js";

/** What {@link cacheFrames} makes, and where. */
export type CacheFramesOptions = {
  /** Folder for caches; each is a folder `<dataset>-<split>-<frames>-<by>` in it, with further options after that. */
  readonly dir: string;
  /** Number of frames T per sample, at least 1. */
  readonly frames: number;
  /** Count the events of all polarities in one channel. @defaultValue `false` */
  readonly mergePolarities?: boolean;
  /**
   * How to treat the events after the last slice of full length: `"last"` counts them in the last frame, as SpikingJelly
   * does; `"drop"` discards them, as Tonic's `ToFrame` does.
   *
   * @defaultValue `"last"`
   */
  readonly remainder?: "last" | "drop";
  /** Compare the SHA-256 of an existing cache; reads all of it. @defaultValue `false` */
  readonly verify?: boolean;
  /** Called after each sample that was converted; not called for an existing cache. @defaultValue none */
  readonly onProgress?: (done: number, total: number) => void;
} & (
  | {
      /** Cut into slices of equal event count or of equal time. @defaultValue `"count"` */
      readonly by?: SplitBy;
    }
  | {
      /** Cut into slices of a fixed duration: the end of longer recordings is lost, shorter ones end in empty frames. */
      readonly by: "duration";
      /** Duration of a frame in microseconds, an integer above 0. */
      readonly microseconds: number;
    }
);

/**
 * Opens the frame cache of a split, after making it where needed: `integrate` for each sample, once, on disk.
 *
 * Processes that need the same cache at one time make it once: the others wait. A cache is made again when a source file has changed its size or time of modification, when samples or options differ,
 * or when the frames are damaged; a process warning (`FrameCacheWarning`) then says why. It appears atomically: an
 * interrupted conversion leaves the former cache, and at most a folder `*.tmp-*` and a file `*.lock` that the next conversion
 * removes. A folder that holds anything but a frame cache is never replaced. Memory use is that of one sample.
 *
 * By duration, a warning says how many recordings were longer than `frames`, and how many frames the longest one needs.
 *
 * @returns a `Source` of counts `[T, H, W, C]`, with C the data set's `polarities`, or 1 with `mergePolarities`
 * @throws RangeError when the split has no samples or a label is no class, and as `integrate`; what the data set throws
 * @throws Error when a file of a sample does not exist, or the cache's folder exists and is no frame cache
 *
 * @example
 * await writeSyntheticGestures("gestures", { trainSubjects: 1, testSubjects: 1, lightsPerSubject: 1, gestureSeconds: 0.1 });
 * const cache = await cacheFrames(dvsGesture("gestures"), "train", { dir: "cache", frames: 16 });
 * cache.count; // 11
 * cache.shape; // [16, 128, 128, 2]
 */
export async function cacheFrames<S extends Sample>(
  dataset: EventDataset<S>,
  split: Split,
  options: CacheFramesOptions,
): Promise<FrameCache> {
  const { dir, frames, mergePolarities = false, remainder = "last", verify = false, onProgress } = options;
  const by =
    options.by === "duration"
      ? { by: options.by, microseconds: options.microseconds, frames }
      : { by: options.by ?? "count", frames };
  checkSlicing("cacheFrames", { ...by, remainder });
  const slicing: Slicing = { ...by, ...(remainder === "drop" && { remainder }) };
  const { name, classes, height, width, polarities = 2 } = dataset;
  checkName("cacheFrames", "dataset", name);
  const path = join(
    dir,
    `${name}-${split}-${frames}-${slicing.by === "duration" ? `${slicing.microseconds}us` : slicing.by}` +
      (remainder === "drop" ? "-dropped" : "") +
      (mergePolarities ? "-merged" : ""),
  );
  const samples = await dataset.samples(split);
  if (samples.length === 0) {
    throw new RangeError(`cacheFrames: dataset must have samples, got none in the ${split} split of ${name}`);
  }
  const labels = samples.map(({ label }) => label);
  const names = samples.map(({ name }) => name);
  checkLabels("cacheFrames", classes, labels, names);
  checkDistinct("cacheFrames", "dataset", names);
  const shape = [frames, height, width, mergePolarities ? 1 : polarities];
  checkSize("cacheFrames", shape);
  const plan: CachePlan = {
    dataset: name,
    split,
    slicing,
    mergePolarities,
    divisor: 1,
    shape,
    classes: [...classes],
    labels,
    names,
    sources: await describeSources(samples),
  };

  /** Recordings that last longer than `frames`, and the frames of the longest. */
  let [cut, longest] = [0, 0];
  let silent = 0;
  const cache = await storeFrames({
    caller: "cacheFrames",
    path,
    plan,
    verify,
    async *samples() {
      for (const [i, sample] of samples.entries()) {
        const events = await dataset.events(sample);
        if (events.t.length === 0) silent++;
        yield integrate(events, { ...slicing, height, width, polarities, mergePolarities });
        if (slicing.by === "duration") {
          const lasts = durationFrames(events.t, slicing);
          if (lasts > frames) cut++;
          longest = Math.max(longest, lasts);
        }
        onProgress?.(i + 1, samples.length);
      }
      if (silent === samples.length) {
        throw new RangeError(
          `cacheFrames: dataset must have recordings with events, got none in the ${split} split of ${name}; check its files`,
        );
      }
    },
  });
  if (cut > 0) {
    process.emitWarning(
      `cacheFrames: ${cut} of ${samples.length} recordings of ${name} are longer than ${frames} frames and lose their ` +
        `end; frames: ${longest} keeps all`,
      "FrameCacheWarning",
    );
  }
  return cache;
}

/** Name, size and time of every file that the samples are made from, each once. */
async function describeSources(samples: readonly Sample[]): Promise<FrameCacheManifest["sources"]> {
  const sources: FrameCacheManifest["sources"][number][] = [];
  for (const file of new Set(samples.flatMap(({ files }) => files))) {
    const { size, mtimeMs } = await stat(file).catch((error: NodeJS.ErrnoException) => {
      const got = `${inspect(file)} (${error.code})`;
      throw new Error(`cacheFrames: dataset must name files that exist, got ${got}; copy or unpack it again`, {
        cause: error,
      });
    });
    sources.push({ name: basename(file), bytes: size, modified: mtimeMs });
  }
  return sources;
}
