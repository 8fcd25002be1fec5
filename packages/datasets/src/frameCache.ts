/** @file Frames on disk: a folder with one binary file and a manifest. Opening and reading; `cacheFrames` writes them. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import type { Split } from "./eventDataset.js";
import { FileFormatError } from "./fileFormatError.js";
import { fingerprint } from "./fingerprint.js";
import { hashFile } from "./hashFile.js";
import type { Slicing } from "./integrate.js";
import { checkIndices, type Source, sizeOf } from "./source.js";

/** The manifest's file name. */
export const MANIFEST = "manifest.json";
/** The binary's file name. */
export const FRAMES = "frames.bin";

/** What `manifest.json` of a frame cache holds. */
export interface FrameCacheManifest {
  readonly format: "sew-frames";
  /** Version of this format. */
  readonly version: 2;
  /** Name of the data set. */
  readonly dataset: string;
  readonly split: Split;
  /** How the events were cut. */
  readonly slicing: Slicing;
  /** Whether all polarities were counted in one channel. */
  readonly mergePolarities: boolean;
  /** Shape of a sample, `[T, H, W, C]`. */
  readonly shape: readonly number[];
  readonly classes: readonly string[];
  /** Of each sample, an index into `classes`. */
  readonly labels: readonly number[];
  /** Of each sample. */
  readonly names: readonly string[];
  /** The files that the frames were made from: name, length, and time of modification in milliseconds. */
  readonly sources: readonly { readonly name: string; readonly bytes: number; readonly modified: number }[];
  /** Type of a count. */
  readonly type: "uint8" | "uint16";
  /** Length of `frames.bin`. */
  readonly bytes: number;
  /** SHA-256 of `frames.bin`, in hexadecimal. */
  readonly sha256: string;
}

const size = z.number().int().positive();

const manifestSchema = z
  .object({
    format: z.literal("sew-frames"),
    version: z.literal(2),
    dataset: z.string(),
    split: z.enum(["train", "test"]),
    slicing: z.discriminatedUnion("by", [
      z.object({ by: z.enum(["count", "time"]), frames: size }),
      z.object({ by: z.literal("duration"), microseconds: size, frames: size }),
    ]),
    mergePolarities: z.boolean(),
    shape: z.tuple([size, size, size, size]),
    classes: z.array(z.string()),
    labels: z.array(z.number().int().nonnegative()).min(1),
    names: z.array(z.string()),
    sources: z.array(z.object({ name: z.string(), bytes: z.number(), modified: z.number() })),
    type: z.enum(["uint8", "uint16"]),
    bytes: size,
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
  })
  .refine(({ labels, classes }) => labels.every((label) => label < classes.length), "labels must index classes")
  .refine(({ labels, names }) => labels.length === names.length, "labels and names must be equally many")
  .refine(
    ({ labels, shape, type, bytes }) => labels.length * sizeOf(shape) * (type === "uint8" ? 1 : 2) === bytes,
    "bytes must be those of all samples",
  ) satisfies z.ZodType<FrameCacheManifest>;

/**
 * The frames of one split of a data set, on disk: a `Source` of counts `[T, H, W, C]`, named `<dataset>-<split>`.
 *
 * `frames.bin` holds the counts `[samples, T, H, W, C]` row by row, as uint8 where every count of the split fits and as
 * little-endian uint16 elsewhere, and nothing else. The fingerprint depends on the frames, their labels and names, and on
 * how they were cut, not on where the files are or when they were made.
 */
export interface FrameCache extends Source {
  readonly labels: readonly number[];
  read(indices: ArrayLike<number>): Float32Array;
  /** The folder. */
  readonly path: string;
  readonly manifest: FrameCacheManifest;
}

/** How {@link openFrameCache} checks the cache. */
export interface OpenFrameCacheOptions {
  /** Compare the SHA-256 of the frames too; reads the whole file. @defaultValue `false` */
  readonly verify?: boolean;
}

/**
 * Opens a frame cache that `cacheFrames` made, after comparing its manifest with the size of its file.
 *
 * @param path the folder that holds `manifest.json` and `frames.bin`
 * @throws FileFormatError naming the file, when one of the two is missing, damaged, or does not fit the other
 *
 * @example
 * await writeSyntheticGestures("gestures", { trainSubjects: 1, testSubjects: 1, lightsPerSubject: 1, gestureSeconds: 0.1 });
 * await cacheFrames(dvsGesture("gestures"), "train", { dir: "cache", frames: 16 });
 * const cache = await openFrameCache("cache/synthetic-gestures-train-16-count", { verify: true });
 * cache.shape; // [16, 128, 128, 2]
 */
export async function openFrameCache(
  path: string,
  { verify = false }: OpenFrameCacheOptions = {},
): Promise<FrameCache> {
  const fail = (name: string, must: string, got: string): never => {
    const remedy = "delete the folder and call cacheFrames again";
    throw new FileFormatError({ reader: "openFrameCache", file: join(path, name), must, got, remedy });
  };
  const gone = (name: string) => (error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? fail(name, "exist", "no such file") : error;
  };

  const manifest = parseManifest(await readFile(join(path, MANIFEST), "utf8").catch(gone(MANIFEST)));
  if (typeof manifest === "string") return fail(MANIFEST, "describe a frame cache", manifest);

  const { size } = await stat(join(path, FRAMES)).catch(gone(FRAMES));
  if (size !== manifest.bytes) fail(FRAMES, `be ${manifest.bytes} bytes long`, `${size}`);
  if (verify) {
    const sha256 = await hashFile(join(path, FRAMES));
    if (sha256 !== manifest.sha256) fail(FRAMES, `have SHA-256 ${manifest.sha256}`, sha256);
  }
  const { dataset, split, classes, labels, names, shape, type, bytes, sources, ...identity } = manifest;
  const layout: FrameLayout = { file: join(path, FRAMES), count: labels.length, shape, type, bytes };
  return {
    name: `${dataset}-${split}`,
    classes,
    count: labels.length,
    shape,
    labels,
    names,
    fingerprint: fingerprint({ dataset, split, classes, labels, names, shape, ...identity }),
    module: { url: import.meta.url, name: openFrames.name, options: layout },
    ...openFrames(layout),
    path,
    manifest,
  };
}

/** The file of a cache, and where the frames are in it. */
interface FrameLayout extends Pick<FrameCacheManifest, "type" | "bytes" | "shape"> {
  readonly file: string;
  readonly count: number;
}

/** Opens the frames for reading, in any thread. @internal */
export function openFrames({ file, count, shape, type, bytes }: FrameLayout): {
  read(indices: ArrayLike<number>): Float32Array;
} {
  const size = sizeOf(shape);
  return {
    read(indices) {
      checkIndices("frame cache", count, indices);
      const sample = type === "uint8" ? new Uint8Array(size) : new Uint16Array(size);
      const values = new Float32Array(indices.length * size);
      const fd = openSync(file, "r");
      try {
        const { size: found } = fstatSync(fd);
        if (found !== bytes) {
          const remedy = "the cache was changed while it was in use: open it again with cacheFrames";
          throw new FileFormatError({
            reader: "frame cache",
            file,
            must: `stay ${bytes} bytes long`,
            got: `${found}`,
            remedy,
          });
        }
        for (let n = 0; n < indices.length; n++) {
          readAll(fd, sample, indices[n]! * sample.byteLength);
          values.set(sample, n * size);
        }
      } finally {
        closeSync(fd);
      }
      return values;
    },
  };
}

/** Fills `target` from byte `position` on; a single `read` may return less. */
function readAll(fd: number, target: Uint8Array | Uint16Array, position: number): void {
  for (let at = 0; at < target.byteLength; ) {
    const read = readSync(fd, target, at, target.byteLength - at, position + at);
    if (read === 0) throw new Error("frame cache: the file must stay as it is while it is read, got its end");
    at += read;
  }
}

/** The manifest, or what is wrong with it. */
function parseManifest(text: string): FrameCacheManifest | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return "text that is not JSON";
  }
  const { data, error } = manifestSchema.safeParse(json);
  if (data !== undefined) return data;
  const [{ path, message }] = error.issues as [z.core.$ZodIssue];
  return path.length === 0 ? message : `${path.join(".")}: ${message}`;
}
