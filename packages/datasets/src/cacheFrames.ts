import { existsSync } from "node:fs";
import { type FileHandle, open, readdir, rename, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { crc32 } from "node:zlib";
import { lock, readRegular } from "@sew/files";
import type { EventDataset, Sample, Split } from "./eventDataset.js";
import { digestOf, FRAMES, type FrameCache, type FrameCacheManifest, MANIFEST, openFrameCache } from "./frameCache.js";
import { hashFile } from "./hashFile.js";
import { checkSlicing, durationFrames, integrate, type Slicing, type SplitBy } from "./integrate.js";
import { checkLabels, checkSize } from "./source.js";
import { writeFolderAtomic } from "./writeFolderAtomic.js";

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
  /** Called after each sample that was converted; not called for an existing cache. */
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

/** The part of a manifest that is known before anything is converted. A cache that differs in it is stale. */
type CachePlan = Omit<FrameCacheManifest, "type" | "bytes" | "sha256" | "checksums" | "digest">;

/**
 * Opens the frame cache of a split, after making it where needed: `integrate` for each sample, once, on disk.
 *
 * Processes that need the same cache at one time make it once: the others wait. A cache is made again when a source file has changed its size or time of modification, when samples or options differ,
 * or when the frames are damaged; a process warning (`FrameCacheWarning`) then says why. It appears atomically: an
 * interrupted conversion leaves the former cache, and at most a folder `*.tmp-*` that the next call removes. A folder
 * that holds anything but a frame cache is never replaced. Memory use is that of one sample.
 *
 * By duration, a warning says how many recordings were longer than `frames`, and how many frames the longest one needs.
 *
 * @returns a `Source` of counts `[T, H, W, C]`, with C the data set's `polarities`, or 1 with `mergePolarities`
 * @throws RangeError when the split has no samples or a label is no class, and as `integrate`; what the data set throws
 * @throws Error when the cache's folder exists and is no frame cache
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
  const cut =
    options.by === "duration"
      ? { by: options.by, microseconds: options.microseconds, frames }
      : { by: options.by ?? "count", frames };
  checkSlicing("cacheFrames", { ...cut, remainder });
  const slicing: Slicing = { ...cut, ...(remainder === "drop" && { remainder }) };
  const { name, classes, height, width, polarities = 2 } = dataset;
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
  const seen = new Set<string>();
  const twice = names.find((name) => seen.size === seen.add(name).size);
  if (twice !== undefined) {
    throw new RangeError(
      `cacheFrames: dataset must have samples of distinct names, got ${twice} twice in the ${split} split`,
    );
  }
  const shape = [frames, height, width, mergePolarities ? 1 : polarities];
  checkSize("cacheFrames", shape);
  const plan: CachePlan = {
    format: "sew-frames",
    version: 3,
    dataset: name,
    split,
    slicing,
    mergePolarities,
    shape,
    classes: [...classes],
    labels,
    names,
    sources: await describeSources(samples),
  };

  const existing = await openFresh(path, plan, verify);
  if (typeof existing === "object") return existing;
  const onWait = (holder: string): void => {
    process.emitWarning(`cacheFrames: waiting for ${path}, which is being made by ${holder}`, "FrameCacheWarning");
  };
  const held = await lock(`${path}.lock`, { wait: true, onWait });
  try {
    // Another process may have made it meanwhile.
    const made = await openFresh(path, plan, verify);
    if (typeof made === "object") return made;
    if (made !== undefined) {
      await checkReplaceable(path);
      process.emitWarning(`cacheFrames: making ${path} again: ${made}`, "FrameCacheWarning");
    }
    return await makeCache(dataset, samples, plan, path, onProgress);
  } finally {
    await held.release();
  }
}

/** The cache that exists, or why it must be made again; `undefined` where there is none. */
async function openFresh(path: string, plan: CachePlan, verify: boolean): Promise<FrameCache | string | undefined> {
  if (!existsSync(path)) return undefined;
  const found = await openFrameCache(path, { verify }).catch((error: Error) => error);
  if (found instanceof Error) return found.message;
  return difference(found.manifest, plan) ?? found;
}

/** Converts all samples, and opens the cache. */
async function makeCache<S extends Sample>(
  dataset: EventDataset<S>,
  samples: readonly S[],
  plan: CachePlan,
  path: string,
  onProgress: CacheFramesOptions["onProgress"],
): Promise<FrameCache> {
  const { name, height, width, polarities = 2 } = dataset;
  const { slicing, mergePolarities } = plan;
  const { frames } = slicing as Required<Slicing>;
  /** Recordings that last longer than `frames`, and the frames of the longest. */
  let [cut, longest] = [0, 0];
  const fill = async (folder: string): Promise<void> => {
    const file = join(folder, FRAMES);
    const writer = await createFrameWriter(file);
    try {
      for (const [i, sample] of samples.entries()) {
        const events = await dataset.events(sample);
        await writer.write(integrate(events, { ...slicing, height, width, polarities, mergePolarities }));
        if (slicing.by === "duration") {
          const lasts = durationFrames(events.t, slicing);
          if (lasts > frames) cut++;
          longest = Math.max(longest, lasts);
        }
        onProgress?.(i + 1, samples.length);
      }
    } finally {
      await writer.close();
    }
    const type = writer.type();
    const { size: bytes } = await stat(file);
    const checksums = await checksumsOf(file, samples.length, bytes / samples.length);
    const manifest = { ...plan, type, bytes, sha256: await hashFile("cacheFrames", file), checksums };
    await writeFile(join(folder, MANIFEST), JSON.stringify({ ...manifest, digest: digestOf(manifest) }));
  };
  await writeFolderAtomic(path, { fill, checkReplaceable });
  if (cut > 0) {
    process.emitWarning(
      `cacheFrames: ${cut} of ${samples.length} recordings of ${name} are longer than ${frames} frames and lose their ` +
        `end; frames: ${longest} keeps all`,
      "FrameCacheWarning",
    );
  }
  return openFrameCache(path);
}

/** CRC-32 of each sample of a file of frames. */
async function checksumsOf(file: string, count: number, bytes: number): Promise<number[]> {
  const handle = await open(file);
  try {
    const sample = new Uint8Array(bytes);
    const checksums: number[] = [];
    for (let n = 0; n < count; n++) {
      const { bytesRead } = await handle.read(sample, 0, bytes, n * bytes);
      if (bytesRead < bytes) throw new Error(`cacheFrames: ${file} must stay as it was written, got its end`);
      checksums.push(crc32(sample));
    }
    return checksums;
  } finally {
    await handle.close();
  }
}

/** Throws unless `folder` is empty or a frame cache, possibly damaged, and nothing else. */
async function checkReplaceable(folder: string): Promise<void> {
  const fail = (got: string): never => {
    throw new Error(
      `cacheFrames: ${folder} must be missing or a frame cache, got ${got}; move it away, or choose another dir`,
    );
  };
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOTDIR" ? fail("a file") : error;
  });
  const foreign = entries.find((name) => name !== MANIFEST && name !== FRAMES);
  if (foreign !== undefined) fail(`a folder with ${foreign}`);
  if (entries.length === 0) return;
  const text = await readRegular("cacheFrames", join(folder, MANIFEST)).catch(() => "");
  if (!text.toString().startsWith('{"format":"sew-frames"')) fail(`a folder without its ${MANIFEST}`);
}

/** Name, size and time of every file that the samples are made from, each once. */
async function describeSources(samples: readonly Sample[]): Promise<FrameCacheManifest["sources"]> {
  const sources: FrameCacheManifest["sources"][number][] = [];
  for (const file of new Set(samples.flatMap(({ files }) => files))) {
    const { size, mtimeMs } = await stat(file);
    sources.push({ name: basename(file), bytes: size, modified: mtimeMs });
  }
  return sources;
}

/** Why a cache is stale; `undefined` when it is not. */
function difference(found: FrameCacheManifest, plan: CachePlan): string | undefined {
  const changed = plan.sources.find((source, i) => !isDeepStrictEqual(source, found.sources[i]));
  if (changed !== undefined) return `its source ${changed.name} has changed`;
  const key = (Object.keys(plan) as (keyof CachePlan)[]).find((key) => !isDeepStrictEqual(plan[key], found[key]));
  return key === undefined ? undefined : `its ${key} differ`;
}

interface FrameWriter {
  write(counts: Uint16Array): Promise<void>;
  type(): "uint8" | "uint16";
  close(): Promise<void>;
}

/** Appends counts as uint8; at the first count above 255 what is there is widened to uint16, and the rest follows so. */
async function createFrameWriter(path: string): Promise<FrameWriter> {
  let handle = await open(path, "w+");
  let type: "uint8" | "uint16" = "uint8";
  return {
    async write(counts) {
      if (type === "uint8" && counts.some((count) => count > 0xff)) {
        handle = await widen(handle, path);
        type = "uint16";
      }
      await writeAll(handle, type === "uint8" ? Uint8Array.from(counts) : counts);
    },
    type: () => type,
    close: () => handle.close(),
  };
}

/** Replaces a file of uint8 by one of uint16, open for appending. */
async function widen(handle: FileHandle, path: string): Promise<FileHandle> {
  const wide = await open(`${path}.wide`, "w+");
  const chunk = new Uint8Array(1 << 20);
  for (let at = 0; ; ) {
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) break;
    await writeAll(wide, Uint16Array.from(chunk.subarray(0, bytesRead)));
    at += bytesRead;
  }
  await handle.close();
  await rename(`${path}.wide`, path);
  return wide;
}

/** Appends all of `data`; a single `write` may take less. */
async function writeAll(handle: FileHandle, data: Uint8Array | Uint16Array): Promise<void> {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten;
}
