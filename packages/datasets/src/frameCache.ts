/** @file Frames on disk: a folder with one binary file and a manifest. Opening and reading; `storeFrames` writes them. */
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { readRegular } from "@sew/files";
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
  readonly version: 4;
  /** Name of the data set, or of the source. */
  readonly dataset: string;
  /** Of event recordings: the split. */
  readonly split?: Split;
  /** Of event recordings: how they were cut. */
  readonly slicing?: Slicing;
  /** Of event recordings: whether all polarities were counted in one channel. */
  readonly mergePolarities?: boolean;
  /** Of a source: its fingerprint. */
  readonly source?: string;
  /** What a stored number is divided by: 1 for counts, 255 for images. */
  readonly divisor: 1 | 255;
  /** Shape of a sample, `[T, H, W, C]`. */
  readonly shape: readonly number[];
  readonly classes: readonly string[];
  /** Of each sample, an index into `classes`. */
  readonly labels: readonly number[];
  /** Of each sample. */
  readonly names: readonly string[];
  /** Of event recordings: their files, with name, length, and time of modification in milliseconds. */
  readonly sources: readonly { readonly name: string; readonly bytes: number; readonly modified: number }[];
  /** Type of a count. */
  readonly type: "uint8" | "uint16";
  /** Length of `frames.bin`. */
  readonly bytes: number;
  /** SHA-256 of `frames.bin`, in hexadecimal. */
  readonly sha256: string;
  /** CRC-32 of each sample's bytes; every read compares it. */
  readonly checksums: readonly number[];
  /** SHA-256 of all of the above as JSON, in hexadecimal. */
  readonly digest: string;
}

/** The longest manifest that is read, in bytes: that of some millions of samples. */
const MOST_MANIFEST_BYTES = 2 ** 30;

/** SHA-256 of a manifest without its digest, as JSON, in hexadecimal. */
export function digestOf(manifest: Omit<FrameCacheManifest, "digest">): string {
  return createHash("sha256").update(JSON.stringify(manifest)).digest("hex");
}

const size = z.number().int().positive();
const remainder = z.enum(["last", "drop"]).exactOptional();

const manifestSchema = z
  .object({
    format: z.literal("sew-frames"),
    version: z.literal(4),
    dataset: z.string(),
    split: z.enum(["train", "test"]).exactOptional(),
    slicing: z
      .discriminatedUnion("by", [
        z.object({ by: z.enum(["count", "time"]), frames: size, remainder }),
        z.object({ by: z.literal("duration"), microseconds: size, frames: size, remainder }),
      ])
      .exactOptional(),
    mergePolarities: z.boolean().exactOptional(),
    source: z.string().exactOptional(),
    divisor: z.literal([1, 255]),
    shape: z.tuple([size, size, size, size]),
    classes: z.array(z.string()),
    labels: z.array(z.number().int().nonnegative()).min(1),
    names: z.array(z.string()),
    sources: z.array(z.object({ name: z.string(), bytes: z.number(), modified: z.number() })),
    type: z.enum(["uint8", "uint16"]),
    bytes: size,
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    checksums: z.array(z.number().int().nonnegative()),
    digest: z.string(),
  })
  .refine(({ labels, classes }) => labels.every((label) => label < classes.length), "labels must index classes")
  .refine(({ labels, names }) => labels.length === names.length, "labels and names must be equally many")
  .refine(({ labels, checksums }) => labels.length === checksums.length, "labels and checksums must be equally many")
  .refine(
    ({ labels, shape, type, bytes }) => labels.length * sizeOf(shape) * (type === "uint8" ? 1 : 2) === bytes,
    "bytes must be those of all samples",
  ) satisfies z.ZodType<FrameCacheManifest>;

/**
 * Frames on disk: of one split of a data set, a `Source` of counts `[T, H, W, C]` named `<dataset>-<split>`; or of another
 * source of images, with its name and values.
 *
 * `frames.bin` holds the counts `[samples, T, H, W, C]` row by row, as uint8 where every count of the split fits and as
 * little-endian uint16 elsewhere, and nothing else; of images the values times 255. The fingerprint depends on the frames, their labels and names, and on
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
 * Opens a frame cache that `cacheFrames` or `cacheImages` made, after comparing its manifest with its digest and the size of its file.
 *
 * Each read compares the samples' checksums: frames that were damaged, or made again while the cache is open, are an error.
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
    const remedy = "delete the folder and make it again";
    throw new FileFormatError({ reader: "openFrameCache", file: join(path, name), must, got, remedy });
  };
  const gone = (name: string) => (error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? fail(name, "exist", "no such file") : error;
  };

  const manifest = parseManifest(
    (await readRegular("openFrameCache", join(path, MANIFEST), MOST_MANIFEST_BYTES).catch(gone(MANIFEST))).toString(),
  );
  if (typeof manifest === "string") return fail(MANIFEST, "describe a frame cache", manifest);

  const { size } = await stat(join(path, FRAMES)).catch(gone(FRAMES));
  if (size !== manifest.bytes) fail(FRAMES, `be ${manifest.bytes} bytes long`, `${size}`);
  if (verify) {
    const sha256 = await hashFile("openFrameCache", join(path, FRAMES));
    if (sha256 !== manifest.sha256) fail(FRAMES, `have SHA-256 ${manifest.sha256}`, sha256);
  }
  const { dataset, classes, labels, names, shape, type, bytes, sources, checksums, digest, ...identity } = manifest;
  const { split, divisor } = identity;
  const layout: FrameLayout = {
    file: join(path, FRAMES),
    count: labels.length,
    shape,
    type,
    bytes,
    divisor,
    checksums,
  };
  return {
    name: split === undefined ? dataset : `${dataset}-${split}`,
    classes,
    count: labels.length,
    shape,
    labels,
    names,
    fingerprint: fingerprint({ dataset, classes, labels, names, shape, ...identity }),
    files: { count: 1, bytes },
    module: { url: import.meta.url, name: openFrames.name, options: layout },
    ...openFrames(layout),
    path,
    manifest,
  };
}

/** The file of a cache, and where the frames are in it. */
interface FrameLayout extends Pick<FrameCacheManifest, "type" | "bytes" | "shape" | "divisor" | "checksums"> {
  readonly file: string;
  readonly count: number;
}

/** Opens the frames for reading, in any thread. @internal */
export function openFrames({ file, count, shape, type, bytes, divisor, checksums }: FrameLayout): {
  read(indices: ArrayLike<number>): Float32Array;
} {
  const size = sizeOf(shape);
  const fail = (must: string, got: string, offset?: number): never => {
    const remedy = "it is damaged, or was made again meanwhile: delete its folder if it is damaged, and start again";
    throw new FileFormatError({
      reader: "frame cache",
      file,
      must,
      got,
      remedy,
      ...(offset !== undefined && { offset }),
    });
  };
  return {
    read(indices) {
      checkIndices("frame cache", count, indices);
      const sample = type === "uint8" ? new Uint8Array(size) : new Uint16Array(size);
      const stored = new Uint8Array(sample.buffer);
      const values = new Float32Array(indices.length * size);
      const fd = openSync(file, "r");
      try {
        const { size: found } = fstatSync(fd);
        if (found !== bytes) fail(`stay ${bytes} bytes long`, `${found}`);
        for (let n = 0; n < indices.length; n++) {
          const index = indices[n]!;
          const offset = index * stored.length;
          if (!readAll(fd, stored, offset)) fail(`stay ${bytes} bytes long`, "its end", offset);
          const checksum = crc32(stored);
          if (checksum !== checksums[index]) {
            fail(`hold sample ${index} with the CRC-32 ${checksums[index]}`, `${checksum}`, offset);
          }
          values.set(sample, n * size);
          if (divisor === 1) continue;
          for (let i = n * size; i < (n + 1) * size; i++) values[i]! /= divisor;
        }
      } finally {
        closeSync(fd);
      }
      return values;
    },
  };
}

/** Fills `target` from byte `position` on, and returns whether the file reached so far; a single `read` may return less. */
function readAll(fd: number, target: Uint8Array, position: number): boolean {
  for (let at = 0; at < target.length; ) {
    const read = readSync(fd, target, at, target.length - at, position + at);
    if (read === 0) return false;
    at += read;
  }
  return true;
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
  if (data !== undefined) {
    const { digest, ...rest } = json as FrameCacheManifest;
    return digestOf(rest) === digest ? data : "one that does not have its digest";
  }
  const [{ path, message }] = error.issues as [z.core.$ZodIssue];
  return path.length === 0 ? message : `${path.join(".")}: ${message}`;
}
