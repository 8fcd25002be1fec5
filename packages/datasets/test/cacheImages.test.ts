import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  cacheImages,
  checkIndices,
  createLoader,
  fingerprint,
  openFrameCache,
  randomFlip,
  randomResizedCrop,
  type Source,
} from "@sew/datasets";
import { describeSource } from "@sew/datasets/testing";
import { random } from "@sew/random";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { temporaryFolder } from "./support.js";

const COUNT = 5;
const SHAPE = [1, 4, 6, 3];
const SIZE = 72;

/** Images of every byte; `onRead` is called for each that is read. */
const images = (change: Partial<Source> = {}, onRead: () => void = () => {}): Source => ({
  name: "noise",
  classes: ["even", "odd"],
  count: COUNT,
  shape: SHAPE,
  labels: Array.from({ length: COUNT }, (_, i) => i % 2),
  names: Array.from({ length: COUNT }, (_, i) => `n${i}`),
  fingerprint: fingerprint({ name: "noise", change: Object.keys(change) }),
  read(indices) {
    checkIndices("noise", COUNT, indices);
    const values = new Float32Array(SIZE * indices.length);
    for (let n = 0; n < indices.length; n++) {
      onRead();
      const draw = random(indices[n]!);
      for (let i = 0; i < SIZE; i++) values[n * SIZE + i] = (i < 2 ? 255 * i : draw.int(256)) / 255;
    }
    return values;
  },
  ...change,
});
const all = Array.from({ length: COUNT }, (_, i) => i);

describeSource("a cache of images", async () => cacheImages(images(), { dir: await temporaryFolder() }), {
  changed: {
    "another source": async () =>
      cacheImages(images({ fingerprint: fingerprint("another") }), { dir: await temporaryFolder() }),
  },
});

describe("cacheImages", () => {
  it("has the source's samples and its very values, whatever the number of workers", async () => {
    for (const workers of [0, 2]) {
      const dir = await temporaryFolder();
      const progress: [number, number][] = [];
      const onProgress = (done: number, total: number) => void progress.push([done, total]);
      const source = images();
      const cache = await cacheImages(source, { dir, workers, onProgress });
      const { name, classes, shape, labels, names } = source;
      expect(cache).toMatchObject({ name, classes, shape, labels, names, count: COUNT });
      expect(cache.read(all)).toEqual(await source.read(all));
      expect(progress).toEqual(all.map((i) => [i + 1, COUNT]));
      expect(cache.path).toBe(join(dir, `noise-4x6-${source.fingerprint.slice(0, 12)}`));
      expect((await readFile(join(cache.path, "frames.bin"))).length).toBe(COUNT * SIZE);
    }
  });

  it("decodes once, and again for a source with another fingerprint", async () => {
    const dir = await temporaryFolder();
    let reads = 0;
    const open = (change: Partial<Source> = {}) =>
      cacheImages(
        images(change, () => reads++),
        { dir, verify: true },
      );
    const { fingerprint: first } = await open();
    expect((await open()).fingerprint).toBe(first);
    expect(reads).toBe(COUNT);
    await open({ fingerprint: fingerprint("another") });
    expect(reads).toBe(2 * COUNT);
    expect((await readdir(dir)).length).toBe(2);
  });

  it("makes a damaged cache again, and fails a reader of damaged images", async () => {
    const texts: string[] = [];
    const spy = vi.spyOn(process, "emitWarning").mockImplementation((text) => void texts.push(`${text}`));
    onTestFinished(() => spy.mockRestore());
    const dir = await temporaryFolder();
    const cache = await cacheImages(images(), { dir });
    const file = join(cache.path, "frames.bin");
    const bytes = await readFile(file);
    bytes[SIZE + 3]! ^= 1;
    await writeFile(file, bytes);
    expect(cache.read([0]).length).toBe(SIZE);
    expect(() => cache.read([1])).toThrow(`frame cache: ${file} must hold sample 1 with the CRC-32`);
    await writeFile(file, bytes.subarray(1));
    const again = await cacheImages(images(), { dir });
    expect(again.read(all)).toEqual(await images().read(all));
    expect(texts).toEqual([
      `cacheImages: making ${cache.path} again: openFrameCache: ${file} must be 360 bytes long, got 359; delete the folder ` +
        "and make it again",
    ]);
    expect((await openFrameCache(cache.path, { verify: true })).fingerprint).toBe(cache.fingerprint);
  });

  it("gives a loader random crops in its threads, as the source's pixels give them", async () => {
    const cache = await cacheImages(images(), { dir: await temporaryFolder() });
    const crop = randomResizedCrop({ height: 3, width: 3 });
    const loader = createLoader(cache, { batchSize: COUNT, seed: 4, workers: 2, transforms: [crop, randomFlip()] });
    for await (const { x, shape } of loader.epoch({ epoch: 1 })) {
      expect(shape).toEqual([1, COUNT, 3, 3, 3]);
      for (const i of all) {
        const shown = crop.apply(await images().read([i]), SHAPE, random(4, 1, i, 0));
        const flipped = randomFlip().apply(shown, [1, 3, 3, 3], random(4, 1, i, 1));
        expect(x.subarray(27 * i, 27 * (i + 1))).toEqual(flipped);
      }
    }
    await loader.close();
  });

  it("refuses values that a byte does not hold, and leaves nothing behind", async () => {
    const dir = await temporaryFolder();
    const wrong = (value: number) => ({
      read: (indices: ArrayLike<number>) => new Float32Array(SIZE * indices.length).fill(value, 7),
    });
    for (const value of [0.5, -1 / 255, 256 / 255, 1e-9]) {
      await expect(cacheImages(images(wrong(value)), { dir, workers: 0 })).rejects.toThrow(
        new RangeError(
          `cacheImages: source must read multiples of 1/255 in 0..1, got ${Math.fround(value)} at value 7 of sample n0; ` +
            "leave transforms such as normalise to the loader",
        ),
      );
    }
    expect(await readdir(dir)).toEqual([]);
  });

  it("refuses samples that are no images", async () => {
    const flat = { shape: [72] };
    await expect(cacheImages(images(flat), { dir: await temporaryFolder() })).rejects.toThrow(
      new RangeError("cacheImages: samples must have a shape [T, H, W, C], got [72]"),
    );
  });
});
