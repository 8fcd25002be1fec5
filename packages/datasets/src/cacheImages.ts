import { join } from "node:path";
import { createLoader } from "./createLoader.js";
import type { FrameCache } from "./frameCache.js";
import { checkSource, type Source } from "./source.js";
import { storeFrames } from "./storeFrames.js";
import { imageShape } from "./transforms/transform.js";

/** Where {@link cacheImages} puts the cache, and how it makes it. */
export interface CacheImagesOptions {
  /** Folder for caches; each is a folder `<source>-<height>x<width>-<fingerprint>` in it. */
  readonly dir: string;
  /** Threads that decode, 0..1024. @defaultValue 1 */
  readonly workers?: number;
  /** Compare the SHA-256 of an existing cache; reads all of it. @defaultValue `false` */
  readonly verify?: boolean;
  /** Called after each sample that was decoded; not called for an existing cache. @defaultValue none */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Opens the cache of a source of images, after decoding all of them where needed: once, on disk, a byte a value.
 *
 * The cache is a source with the same samples and values, which takes a read and no decoding. It has the one size that
 * the source shows: for random crops cache some more than they show, such as `imageFolder(dir, { height: 256, width: 256 })`,
 * and put `randomCrop` or `randomResizedCrop` among the transforms. What lies beyond the cached square is lost to them.
 * ImageNet at 256 x 256 takes 252 GB.
 *
 * All else is as in `cacheFrames`: it appears atomically, processes that start together make it once, a damaged one is made
 * again, and every read compares checksums. A source with another fingerprint has another cache. Memory use is that of some
 * images.
 *
 * @param source images `[T, H, W, C]` whose values are multiples of 1/255 in 0..1
 * @throws RangeError when the source's samples are not of that shape, or of other values
 * @throws Error when the cache's folder exists and is no frame cache; what the source throws
 *
 * @example
 * const checks = {
 *   name: "checks",
 *   classes: ["light", "dark"],
 *   count: 2,
 *   shape: [1, 2, 2, 1],
 *   labels: [0, 1],
 *   names: ["a", "b"],
 *   fingerprint: fingerprint({ name: "checks" }),
 *   read: (indices: ArrayLike<number>) => Float32Array.from({ length: 4 * indices.length }, () => 51 / 255),
 * };
 * const cache = await cacheImages(checks, { dir: "cache", workers: 0 });
 * cache.shape; // [1, 2, 2, 1]
 * cache.read([1]).map((value) => 255 * value); // Float32Array [51, 51, 51, 51]
 */
export async function cacheImages(
  source: Source,
  { dir, workers = 1, verify = false, onProgress }: CacheImagesOptions,
): Promise<FrameCache> {
  checkSource("cacheImages", source);
  const { name, classes, count, shape, labels, names, fingerprint } = source;
  const [, height, width] = imageShape("cacheImages", shape);
  return storeFrames({
    caller: "cacheImages",
    path: join(dir, `${name}-${height}x${width}-${fingerprint.slice(0, 12)}`),
    plan: {
      dataset: name,
      source: fingerprint,
      divisor: 255,
      shape: [...shape],
      classes: [...classes],
      labels: Array.from(labels),
      names: [...names],
      sources: [],
    },
    verify,
    async *samples() {
      const loader = createLoader(source, { batchSize: 1, workers });
      try {
        let done = 0;
        for await (const { x } of loader.epoch()) {
          yield bytesOf(x, names[done]!);
          onProgress?.(++done, count);
        }
      } finally {
        await loader.close();
      }
    },
  });
}

/** The values times 255, which they must be exactly. */
function bytesOf(values: Float32Array, sample: string): Uint8Array {
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    bytes[i] = Math.round(255 * values[i]!);
    if (Math.fround(bytes[i]! / 255) !== values[i]) {
      throw new RangeError(
        `cacheImages: source must read multiples of 1/255 in 0..1, got ${values[i]} at value ${i} of sample ${sample}; ` +
          "leave transforms such as normalise to the loader",
      );
    }
  }
  return bytes;
}
