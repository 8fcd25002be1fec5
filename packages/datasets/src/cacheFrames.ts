import { existsSync } from "node:fs";
import { type FileHandle, open, rename, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { writeFolderAtomic } from "./atomic.js";
import type { EventDataset, Sample, Split } from "./eventDataset.js";
import { FRAMES, type FrameCache, type FrameCacheManifest, hashFile, MANIFEST, openFrameCache } from "./frameCache.js";
import { integrate, type SplitBy } from "./integrate.js";

/** What {@link cacheFrames} makes, and where. */
export interface CacheFramesOptions {
  /** Folder for caches; each is a folder `<dataset>-<split>-<frames>-<by>` in it. */
  readonly dir: string;
  /** Number of frames T per sample. */
  readonly frames: number;
  /** How events are cut into frames. @defaultValue `"count"` */
  readonly by?: SplitBy;
  /** Compare the SHA-256 of a cache that is there; reads all of it. @defaultValue `false` */
  readonly verify?: boolean;
  /** Called after each sample that was converted; not called when a cache is there. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** The part of a manifest that is known before anything is converted. A cache that differs in it is stale. */
type Wanted = Omit<FrameCacheManifest, "type" | "bytes" | "sha256">;

/**
 * Opens the frame cache of a split, after making it where needed: `integrate` for each sample, once, on disk.
 *
 * A cache is made again when a source file has changed its size or time of modification, when the samples are others, or
 * when the cache is damaged; a process warning (`FrameCacheWarning`) then says why. It appears whole or not at all: an
 * interrupted conversion leaves the former cache, and at most a folder `*.tmp-*` that the next call removes. Memory use
 * is that of one sample.
 *
 * @throws RangeError when the split has no samples, and as `integrate`; what the data set throws
 *
 * @example
 * await writeSyntheticGestures("gestures", { trainSubjects: 1, testSubjects: 1, lightsPerSubject: 1, gestureSeconds: 0.1 });
 * const cache = await cacheFrames(dvsGesture("gestures"), "train", { dir: "cache", frames: 16 });
 * cache.labels.length; // 11
 */
export async function cacheFrames<S extends Sample>(
  dataset: EventDataset<S>,
  split: Split,
  { dir, frames, by = "count", verify = false, onProgress }: CacheFramesOptions,
): Promise<FrameCache> {
  const path = join(dir, `${dataset.name}-${split}-${frames}-${by}`);
  const samples = await dataset.samples(split);
  if (samples.length === 0) {
    throw new RangeError(`cacheFrames: dataset must have samples, got none in the ${split} split of ${dataset.name}`);
  }
  const { name, classes, height, width } = dataset;
  const wanted: Wanted = {
    format: "sew-frames",
    version: 1,
    dataset: name,
    split,
    frames,
    by,
    height,
    width,
    classes: [...classes],
    labels: samples.map(({ label }) => label),
    names: samples.map(({ name }) => name),
    sources: await describeSources(samples),
  };

  if (existsSync(path)) {
    const found = await openFrameCache(path, { verify }).catch((error: Error) => error);
    const why = found instanceof Error ? found.message : difference(found, wanted);
    if (why === undefined) return found as FrameCache;
    process.emitWarning(`cacheFrames: making ${path} again: ${why}`, "FrameCacheWarning");
  }

  await writeFolderAtomic(path, async (folder) => {
    const file = join(folder, FRAMES);
    const writer = await createFrameWriter(file);
    try {
      for (const [i, sample] of samples.entries()) {
        await writer.write(integrate(await dataset.events(sample), { frames, by, height, width }));
        onProgress?.(i + 1, samples.length);
      }
    } finally {
      await writer.close();
    }
    const manifest: FrameCacheManifest = {
      ...wanted,
      type: writer.type(),
      bytes: (await stat(file)).size,
      sha256: await hashFile(file),
    };
    await writeFile(join(folder, MANIFEST), JSON.stringify(manifest));
  });
  return openFrameCache(path);
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
function difference(cache: FrameCache, wanted: Wanted): string | undefined {
  const changed = wanted.sources.find((source, i) => !isDeepStrictEqual(source, cache.sources[i]));
  if (changed !== undefined) return `its source ${changed.name} has changed`;
  const key = (Object.keys(wanted) as (keyof Wanted)[]).find((key) => !isDeepStrictEqual(wanted[key], cache[key]));
  return key === undefined ? undefined : `its ${key} are others`;
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
