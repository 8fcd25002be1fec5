/** @file Writing a frame cache: once, atomically, and again where it is stale. What is in it is its caller's. */
import { existsSync } from "node:fs";
import { type FileHandle, open, readdir, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { crc32 } from "node:zlib";
import { lock, readRegular } from "@sew/files";
import { makeFolder } from "./folders.js";
import { digestOf, FRAMES, type FrameCache, type FrameCacheManifest, MANIFEST, openFrameCache } from "./frameCache.js";
import { hashFile } from "./hashFile.js";
import { writeFolderAtomic } from "./writeFolderAtomic.js";

/** The part of a manifest that is known before anything is converted. A cache that differs in it is stale. */
export type CachePlan = Omit<
  FrameCacheManifest,
  "format" | "version" | "type" | "bytes" | "sha256" | "checksums" | "digest"
>;

/** What is stored, and where. */
export interface StoredFrames {
  /** Opens messages. */
  readonly caller: string;
  /** The cache's folder. */
  readonly path: string;
  readonly plan: CachePlan;
  /** Compare the SHA-256 of an existing cache. */
  readonly verify: boolean;
  /** The values of each sample in order, in units of `1 / plan.divisor`. */
  samples(): AsyncIterable<Uint8Array | Uint16Array>;
}

/**
 * Opens a cache, after making it where there is none, or where it is damaged or stale; a process warning then says why.
 *
 * Processes that need the same cache at one time make it once: the others wait.
 */
export async function storeFrames(stored: StoredFrames): Promise<FrameCache> {
  const { caller, path, verify } = stored;
  const plan: FullPlan = { format: "sew-frames", version: 4, ...stored.plan };
  const existing = await openFresh(path, plan, verify);
  if (typeof existing === "object") return existing;
  const onWait = (holder: string): void => {
    process.emitWarning(`${caller}: waiting for ${path}, which is being made by ${holder}`, "FrameCacheWarning");
  };
  await makeFolder(caller, dirname(path), "choose another folder for caches");
  const held = await lock(`${path}.lock`, { wait: true, onWait });
  try {
    // Another process may have made it meanwhile.
    const made = await openFresh(path, plan, verify);
    if (typeof made === "object") return made;
    if (made !== undefined) {
      await checkReplaceable(caller, path);
      process.emitWarning(`${caller}: making ${path} again: ${made}`, "FrameCacheWarning");
    }
    await writeFolderAtomic(path, {
      fill: (folder) => fill(folder, stored, plan),
      checkReplaceable: (folder) => checkReplaceable(caller, folder),
    });
    return await openFrameCache(path);
  } finally {
    await held.release();
  }
}

type FullPlan = CachePlan & Pick<FrameCacheManifest, "format" | "version">;

/** The cache that exists, or why it must be made again; `undefined` where there is none. */
async function openFresh(path: string, plan: FullPlan, verify: boolean): Promise<FrameCache | string | undefined> {
  if (!existsSync(path)) return undefined;
  const found = await openFrameCache(path, { verify }).catch((error: Error) => error);
  if (found instanceof Error) return found.message;
  return difference(found.manifest, plan) ?? found;
}

/** Converts all samples into a new, empty folder. */
async function fill(folder: string, { caller, samples }: StoredFrames, plan: FullPlan): Promise<void> {
  const file = join(folder, FRAMES);
  const writer = await createFrameWriter(file);
  try {
    for await (const values of samples()) await writer.write(values);
  } finally {
    await writer.close();
  }
  const type = writer.type();
  const { size: bytes } = await stat(file);
  const checksums = await checksumsOf(caller, file, plan.labels.length, bytes / plan.labels.length);
  const manifest = { ...plan, type, bytes, sha256: await hashFile(caller, file), checksums };
  await writeFile(join(folder, MANIFEST), JSON.stringify({ ...manifest, digest: digestOf(manifest) }));
}

/** CRC-32 of each sample of a file of frames. */
async function checksumsOf(caller: string, file: string, count: number, bytes: number): Promise<number[]> {
  const handle = await open(file);
  try {
    const sample = new Uint8Array(bytes);
    const checksums: number[] = [];
    for (let n = 0; n < count; n++) {
      const { bytesRead } = await handle.read(sample, 0, bytes, n * bytes);
      if (bytesRead < bytes) throw new Error(`${caller}: ${file} must stay as it was written, got its end`);
      checksums.push(crc32(sample));
    }
    return checksums;
  } finally {
    await handle.close();
  }
}

/** Throws unless `folder` is empty or a frame cache, possibly damaged, and nothing else. */
async function checkReplaceable(caller: string, folder: string): Promise<void> {
  const fail = (got: string): never => {
    throw new Error(
      `${caller}: ${folder} must be missing or a frame cache, got ${got}; move it away, or choose another dir`,
    );
  };
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOTDIR" ? fail("a file") : error;
  });
  const foreign = entries.find((name) => name !== MANIFEST && name !== FRAMES);
  if (foreign !== undefined) fail(`a folder with ${foreign}`);
  if (entries.length === 0) return;
  const text = await readRegular(caller, join(folder, MANIFEST)).catch(() => "");
  if (!text.toString().startsWith('{"format":"sew-frames"')) fail(`a folder without its ${MANIFEST}`);
}

/** Why a cache is stale; `undefined` when it is not. */
function difference(found: FrameCacheManifest, plan: FullPlan): string | undefined {
  const changed = plan.sources.find((source, i) => !isDeepStrictEqual(source, found.sources[i]));
  if (changed !== undefined) return `its source ${changed.name} has changed`;
  const key = (Object.keys(plan) as (keyof FullPlan)[]).find((key) => !isDeepStrictEqual(plan[key], found[key]));
  return key === undefined ? undefined : `its ${key} differ`;
}

interface FrameWriter {
  write(values: Uint8Array | Uint16Array): Promise<void>;
  type(): "uint8" | "uint16";
  close(): Promise<void>;
}

/** Appends counts as uint8; at the first count above 255 what is there is widened to uint16, and the rest follows so. */
async function createFrameWriter(path: string): Promise<FrameWriter> {
  let handle = await open(path, "w+");
  let type: "uint8" | "uint16" = "uint8";
  return {
    async write(values) {
      if (type === "uint8" && values instanceof Uint16Array && values.some((value) => value > 0xff)) {
        handle = await widen(handle, path);
        type = "uint16";
      }
      await writeAll(handle, type === "uint8" ? Uint8Array.from(values) : Uint16Array.from(values));
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
