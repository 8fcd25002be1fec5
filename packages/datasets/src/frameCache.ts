/** @file Frames on disk: a folder with one binary file and a manifest. Opening; `cacheFrames` makes them. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import * as z from "zod";
import type { Split } from "./eventDataset.js";
import { FileFormatError } from "./fileFormatError.js";
import type { SplitBy } from "./integrate.js";

/** The manifest's file name. */
export const MANIFEST = "manifest.json";
/** The binary's file name. */
export const FRAMES = "frames.bin";

/** What `manifest.json` of a frame cache holds. */
export interface FrameCacheManifest {
  readonly format: "sew-frames";
  /** Version of this format. */
  readonly version: 1;
  /** Name of the data set. */
  readonly dataset: string;
  readonly split: Split;
  /** Number of frames T per sample. */
  readonly frames: number;
  /** How the events were cut. */
  readonly by: SplitBy;
  /** Rows H of a frame. */
  readonly height: number;
  /** Columns W of a frame. */
  readonly width: number;
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
    version: z.literal(1),
    dataset: z.string(),
    split: z.enum(["train", "test"]),
    frames: size,
    by: z.enum(["count", "time"]),
    height: size,
    width: size,
    classes: z.array(z.string()),
    labels: z.array(z.number().int().nonnegative()).min(1),
    names: z.array(z.string()),
    sources: z.array(z.object({ name: z.string(), bytes: z.number(), modified: z.number() })),
    type: z.enum(["uint8", "uint16"]),
    bytes: size,
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
  })
  .refine(({ labels, classes }) => labels.every((label) => label < classes.length), "labels must index classes")
  .refine(({ labels, names }) => labels.length === names.length, "labels and names must be as many")
  .refine(
    ({ labels, frames, height, width, type, bytes }) =>
      labels.length * frames * height * width * 2 * (type === "uint8" ? 1 : 2) === bytes,
    "bytes must be samples * frames * height * width * 2 counts",
  ) satisfies z.ZodType<FrameCacheManifest>;

/**
 * The frames of one split of a data set, on disk.
 *
 * `frames.bin` holds the counts `[samples, T, H, W, 2]` row by row, as uint8 where every count of the split fits and as
 * little-endian uint16 elsewhere, and nothing else. `manifest.json` holds the rest of this object but `path`.
 */
export interface FrameCache extends FrameCacheManifest {
  /** The folder. */
  readonly path: string;
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
 * cache.labels.length; // 11
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
  return { ...manifest, path };
}

/** SHA-256 of a file, in hexadecimal. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest("hex");
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
