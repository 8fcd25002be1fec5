/** @file Images: decoding and augmenting, beside what sharp needs for the same pixels. */
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  cacheImages,
  cifar10,
  createLoader,
  imageFolder,
  type Loader,
  normalise,
  randomCrop,
  randomFlip,
  randomResizedCrop,
  resizedCentreCrop,
  type Source,
  type Transform,
} from "@sew/datasets";
import { random } from "@sew/random";
import sharp from "sharp";
import type { DataRow, DataRows } from "./row.js";

const BATCH = 32;
const crop = randomResizedCrop({ height: 224, width: 224 });
const colours = normalise({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] });

/** Synthetic photographs: 64 JPEGs of 500 x 375 pixels, some 90 kB each, in 4 classes. */
async function writePhotographs(dir: string): Promise<void> {
  const [width, height] = [500, 375];
  for (let i = 0; i < 64; i++) {
    const draw = random(i);
    const waves = Array.from({ length: 12 }, () => [draw.uniform(0, 0.2), draw.uniform(0, 0.2), draw.uniform(0, 6)]);
    const pixels = new Uint8ClampedArray(width * height * 3);
    for (let p = 0; p < pixels.length; p++) {
      const [c, column, row] = [p % 3, Math.floor(p / 3) % width, Math.floor(p / 3 / width)];
      let value = 128 + 8 * draw.normal();
      for (const [a, b, phase] of waves as [number, number, number][])
        value += 14 * Math.sin(a * row + b * column + phase * c);
      pixels[p] = value;
    }
    const folder = join(dir, `class${i % 4}`);
    await mkdir(folder, { recursive: true });
    await sharp(pixels, { raw: { width, height, channels: 3 } })
      .jpeg({ quality: 90 })
      .toFile(join(folder, `${i}.jpg`));
  }
}

/** A file of CIFAR-10, of random pixels. */
async function writeCifar(dir: string): Promise<void> {
  const draw = random(0);
  const bytes = new Uint8Array(10_000 * 3073);
  for (let i = 0; i < bytes.length; i++) bytes[i] = i % 3073 === 0 ? draw.int(10) : (i * 2_654_435_761) >>> 24;
  await writeFile(join(dir, "test_batch.bin"), bytes);
}

/**
 * The rows of images.
 *
 * @param data a folder of class folders of images. @defaultValue synthetic photographs
 */
export async function imageRows(data: string | undefined): Promise<DataRows> {
  const own = await mkdtemp(join(tmpdir(), "sew-bench-"));
  process.once("exit", () => rmSync(own, { recursive: true, force: true }));
  const photographs = data ?? join(own, "photographs");
  if (data === undefined) await writePhotographs(photographs);
  await writeCifar(own);
  const source = await imageFolder(photographs, { height: 224, width: 224, resize: 256 });
  const whole = await imageFolder(photographs, { height: 256, width: 256 });
  const cached = await cacheImages(whole, { dir: own, workers: 2 });
  const small = await cifar10(own, "test");
  const files = await Promise.all(source.names.map((name) => readFile(join(photographs, name))));

  const loaders: Loader[] = [];
  const epochs = (name: string, of: Source, workers: number, transforms: Transform[], limit?: string): DataRow => {
    const loader = createLoader(of, { batchSize: BATCH, shuffle: true, workers, transforms });
    loaders.push(loader);
    return {
      name,
      unit: "images",
      ...(limit !== undefined && { limit }),
      async run() {
        for await (const _ of loader.epoch());
        return of.count;
      },
    };
  };
  /** The pixels of a transform by sharp alone, of files in memory; so many at a time. */
  const alone = (name: string, together: number, { view }: Transform): DataRow => ({
    name,
    unit: "images",
    async run() {
      let next = 0;
      const work = async (): Promise<void> => {
        while (next < files.length) {
          const i = next++;
          const image = sharp(files[i], { ignoreIcc: true });
          const { width: columns, height: rows } = await image.metadata();
          const shown = view!(rows, columns, random(0, 0, i, 0));
          await image
            .extract(shown.from)
            .resize(shown.width, shown.height, { fit: "fill", kernel: "linear", fastShrinkOnLoad: false })
            .extract(shown.crop)
            .toColourspace("srgb")
            .raw()
            .toBuffer();
        }
      };
      await Promise.all(Array.from({ length: together }, work));
      return files.length;
    },
  });

  const centre = resizedCentreCrop({ height: 224, width: 224, resize: 256 });
  const trained = [crop, randomFlip(), colours];
  const padded = randomCrop({ height: 32, width: 32, padding: 4 });
  const rows = [
    alone("sharp alone, random crops of 224x224", 1, crop),
    alone("sharp alone, random crops of 224x224, 2 at a time", 2, crop),
    epochs("JPEG, crop, flip, normalise", source, 0, trained, "sharp alone, random crops of 224x224"),
    epochs(
      "JPEG, crop, flip, normalise, 2 workers",
      source,
      2,
      trained,
      "sharp alone, random crops of 224x224, 2 at a time",
    ),
    alone("sharp alone, centres of 224x224, 2 at a time", 2, centre),
    epochs("JPEG, centre, normalise, 2 workers", source, 2, [colours], "sharp alone, centres of 224x224, 2 at a time"),
    epochs("cached 256x256, crop, flip, normalise, 2 workers", cached, 2, trained),
    epochs("CIFAR-10, pad, crop, flip, normalise, 2 workers", small, 2, [padded, randomFlip(), colours]),
  ];
  return {
    rows,
    async close() {
      for (const loader of loaders) await loader.close();
    },
  };
}
