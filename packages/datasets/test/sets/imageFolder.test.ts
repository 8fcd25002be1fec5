import { readFileSync } from "node:fs";
import { mkdir, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  createLoader,
  type ImageFolderOptions,
  imageFolder,
  type LoaderOptions,
  randomFlip,
  randomResizedCrop,
  resizedCentreCrop,
  type Source,
  split,
} from "@sew/datasets";
import { describeSource } from "@sew/datasets/testing";
import { random } from "@sew/random";
import * as fc from "fast-check";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { describeSampleData, formatError, temporaryFolder } from "../support.js";

const RED = { r: 255, g: 0, b: 0 };
const BLUE = { r: 0, g: 0, b: 255 };

/** Images of CMYK, and what Pillow makes of them. */
const cmyk: {
  readonly height: number;
  readonly width: number;
  readonly images: Readonly<Record<string, { readonly file: string; readonly rgb: readonly number[] }>>;
} = JSON.parse(readFileSync(new URL("../fixtures/pillowCmyk.json", import.meta.url), "utf8"));

/** A picture of one colour, `[rows, columns]`. */
const picture = (background: typeof RED, rows = 6, columns = 8) =>
  sharp({ create: { width: columns, height: rows, channels: 3, background } });

/** Two classes of two pictures; the one named 10 sorts before the one named 2. */
async function folder(): Promise<string> {
  const dir = await temporaryFolder();
  for (const [name, colour] of [
    ["red", RED],
    ["blue", BLUE],
  ] as const) {
    await mkdir(join(dir, name));
    await picture(colour)
      .png()
      .toFile(join(dir, name, "2.png"));
    await picture(colour, 20, 5)
      .jpeg({ quality: 100 })
      .toFile(join(dir, name, "10.JPEG"));
    await writeFile(join(dir, name, "notes.txt"), "not an image");
  }
  await writeFile(join(dir, "README"), "");
  return dir;
}

const square = { height: 4, width: 4 } as const;
const open = async (options: Partial<ImageFolderOptions> = {}, change?: (dir: string) => Promise<unknown>) => {
  const dir = await folder();
  await change?.(dir);
  return imageFolder(dir, { ...square, ...options });
};

describeSource("a folder of images", () => open(), {
  changed: {
    "another crop": () => open({ height: 3 }),
    "another size": () => open({ resize: 5 }),
    "grey instead of colour": () => open({ channels: 1 }),
    "one file fewer": () => open({}, (dir) => rm(join(dir, "red", "2.png"))),
    "another picture": () =>
      open({}, (dir) =>
        picture(BLUE, 6, 8)
          .png()
          .toFile(join(dir, "red", "2.png")),
      ),
    "another class": () =>
      open({}, async (dir) => {
        await mkdir(join(dir, "green"));
        await picture({ r: 0, g: 255, b: 0 })
          .png()
          .toFile(join(dir, "green", "1.png"));
      }),
  },
});

describe("imageFolder", () => {
  it("has a class a folder and a sample an image, in order of their names", async () => {
    expect(await open()).toMatchObject({
      classes: ["blue", "red"],
      labels: [0, 0, 1, 1],
      names: ["blue/10.JPEG", "blue/2.png", "red/10.JPEG", "red/2.png"],
      shape: [1, 4, 4, 3],
    });
  });

  it("reads colours in 0..1, red first", async () => {
    const source = await open();
    const pixels = await source.read([3, 1]);
    expect(pixels).toEqual(
      Float32Array.from({ length: 2 * 4 * 4 * 3 }, (_, i) => (i % 3 === (i < 48 ? 0 : 2) ? 1 : 0)),
    );
  });

  it("resizes the shorter side and crops the centre", async () => {
    const dir = await temporaryFolder();
    await mkdir(join(dir, "a"));
    // Columns 0..15 get brighter, 16 each.
    const ramp = Buffer.from(Array.from({ length: 8 * 16 * 3 }, (_, i) => 16 * (Math.floor(i / 3) % 16)));
    await sharp(ramp, { raw: { height: 8, width: 16, channels: 3 } })
      .png()
      .toFile(join(dir, "a", "ramp.png"));
    const row = async (options: Partial<ImageFolderOptions>) => {
      const { height = 4, width = 4 } = options;
      const values = await (await imageFolder(dir, { height, width, channels: 1, ...options })).read([0]);
      return Array.from(values.subarray(0, width), (value) => Math.round(255 * value));
    };
    expect(await row({ resize: 8 })).toEqual([96, 112, 128, 144]); // columns 6 to 9
    const halved = await row({}); // 8 x 16 becomes 4 x 8, of which columns 2 to 5
    halved.forEach((value, i) => {
      expect(Math.abs(value - (72 + 32 * i))).toBeLessThanOrEqual(2); // the mean of columns 4 + 2 i and 5 + 2 i
    });
  });

  it.each([
    ["grey", () => picture(RED).toColourspace("b-w").png()],
    ["CMYK", () => picture(RED).toColourspace("cmyk").jpeg({ quality: 100 })],
    ["16-bit", () => picture(RED).toColourspace("rgb16").png()],
    ["indexed", () => picture(RED).png({ palette: true })],
    ["transparent", () => picture(RED).ensureAlpha(0.5).png()],
    ["grey and transparent", () => picture(RED).toColourspace("b-w").ensureAlpha(0.5).png()],
    ["WebP", () => picture(RED).webp({ lossless: true })],
    ["TIFF", () => picture(RED).tiff()],
    ["GIF", () => picture(RED).gif()],
  ])("decodes %s images to colour and to grey", async (kind, encode) => {
    const dir = await temporaryFolder();
    await mkdir(join(dir, "a"));
    await writeFile(join(dir, "a", "x.png"), await encode().toBuffer());
    for (const channels of [3, 1] as const) {
      const source = await imageFolder(dir, { ...square, channels });
      const values = await source.read([0]);
      expect(values.length).toBe(16 * channels);
      expect(values.every((value) => value >= 0 && value <= 1)).toBe(true);
      if (channels === 3 && !kind.startsWith("grey")) {
        expect(values[0]).toBeGreaterThan(0.85);
        expect(values[1]).toBeLessThan(0.2);
      } else {
        expect(values[0]).toBeGreaterThan(0.15);
        expect(values[0]).toBeLessThan(0.6);
      }
    }
  });

  it.each(Object.entries(cmyk.images))("converts CMYK to RGB as Pillow: %s", async (_, { file, rgb }) => {
    const dir = await temporaryFolder();
    await mkdir(join(dir, "a"));
    await writeFile(join(dir, "a", "x.jpg"), Buffer.from(file, "base64"));
    const values = await (await imageFolder(dir, cmyk)).read([0]);
    expect([...values].map((value) => Math.round(255 * value))).toEqual(rgb);
  });

  it("does not rotate as Exif says, as torchvision", async () => {
    const dir = await temporaryFolder();
    await mkdir(join(dir, "a"));
    const halves = sharp(Buffer.from([255, 0, 255, 0]), { raw: { height: 2, width: 2, channels: 1 } });
    await halves
      .withMetadata({ orientation: 6 })
      .tiff()
      .toFile(join(dir, "a", "x.tiff"));
    const [left, right] = await (await imageFolder(dir, { height: 2, width: 2, channels: 1 })).read([0]);
    expect(left).toBeGreaterThan(right!);
  });

  it("resizes the shorter side to the very length that is asked for, where 49 * (256 / 49) is below 256", async () => {
    const dir = await temporaryFolder();
    await mkdir(join(dir, "a"));
    await picture(RED, 49, 49)
      .png()
      .toFile(join(dir, "a", "x.png"));
    const source = await imageFolder(dir, { height: 256, width: 256, resize: 256, channels: 1 });
    expect((await source.read([0])).length).toBe(256 * 256);
  });

  it("decodes of an image what a view shows of the whole picture, enlarged or reduced", () =>
    fc.assert(
      fc.asyncProperty(fc.gen(), fc.nat(), async (gen, seed) => {
        // Reduced by at most 2: libvips approximates more, which small pictures show.
        const side = (min: number) => gen(fc.integer, { min: Math.ceil(min), max: 80 });
        const [rows, columns] = [side(20), side(20)];
        const [height, width] = [side(rows / 2), side(columns / 2)];
        const [a, b, c] = [1, 2, 3].map((i) => random(seed, i).uniform(0, 0.5));
        const colours = Uint8Array.from({ length: rows * columns * 3 }, (_, i) => {
          const [channel, column, row] = [i % 3, Math.floor(i / 3) % columns, Math.floor(i / 3 / columns)];
          return 127 + 127 * Math.sin(a! * row + b! * column + 3 * channel + c!);
        });
        const dir = await temporaryFolder();
        await mkdir(join(dir, "a"));
        await sharp(colours, { raw: { height: rows, width: columns, channels: 3 } })
          .png()
          .toFile(join(dir, "a", "x.png"));
        const source = await imageFolder(dir, { height: rows, width: columns });
        const whole = await source.read([0]);
        expect([...whole].map((value) => Math.round(255 * value))).toEqual([...colours]);
        const size = { height, width };
        for (const transform of [randomResizedCrop({ ...size, area: [0.5, 1] }), resizedCentreCrop(size)]) {
          const decoded = await source.readView!([0], transform.view!, [random(seed)]);
          const shown = transform.apply(whole.slice(), source.shape, random(seed));
          const distance = shown.reduce((sum, value, i) => sum + 255 * Math.abs(value - decoded[i]!), 0);
          expect(decoded.length).toBe(shown.length);
          expect(distance / shown.length).toBeLessThan(1); // grey level
        }
      }),
      { numRuns: 40 },
    ));

  it("ignores the colour profile, as torchvision", async () => {
    const dir = await temporaryFolder();
    await mkdir(join(dir, "a"));
    const colours = { r: 200, g: 100, b: 50 };
    await picture(colours)
      .withIccProfile("p3")
      .png()
      .toFile(join(dir, "a", "x.png"));
    const stored = await sharp(join(dir, "a", "x.png"), { ignoreIcc: true })
      .raw()
      .toBuffer();
    const pixels = await (await imageFolder(dir, square)).read([0]);
    expect([...pixels.subarray(0, 3)].map((value) => Math.round(255 * value))).toEqual([...stored.subarray(0, 3)]);
    expect([...stored.subarray(0, 3)]).not.toEqual(Object.values(colours));
  });

  it("ignores files and folders whose names start with a dot, such as macOS's notes on images", async () => {
    const source = await open({}, async (dir) => {
      await writeFile(join(dir, "red", "._2.png"), "notes");
      await mkdir(join(dir, ".cache"));
    });
    expect(source.count).toBe(4);
  });

  it("follows links to class folders", async () => {
    const source = await open({}, (dir) => symlink(join(dir, "red"), join(dir, "scarlet")));
    expect(source.classes).toEqual(["blue", "red", "scarlet"]);
  });

  it("hashes the contents, or only the lengths with hashFiles: false", async () => {
    const damage = (dir: string) => writeFile(join(dir, "red", "2.png"), "same length");
    const other = (dir: string) => writeFile(join(dir, "red", "2.png"), "same_length");
    const print = async (hashFiles: boolean, change: typeof damage) => (await open({ hashFiles }, change)).fingerprint;
    expect(await print(true, damage)).not.toBe(await print(true, other));
    expect(await print(false, damage)).toBe(await print(false, other));
  });

  it("gives a loader views that depend on seed, epoch and sample alone", async () => {
    const source = await open();
    const crop = randomResizedCrop({ height: 3, width: 5 });
    const epochOf = async (from: Source, options: Partial<LoaderOptions>, start = 0) => {
      const transforms = [crop, randomFlip()];
      const loader = createLoader(from, { batchSize: 3, shuffle: true, seed: 7, transforms, ...options });
      expect(loader.shape).toEqual([1, 3, 5, 3]);
      const batches = [];
      for await (const batch of loader.epoch({ epoch: 2, start })) batches.push(batch);
      await loader.close();
      return batches;
    };
    const inline = await epochOf(source, { workers: 0 });
    for (const workers of [1, 3]) expect(await epochOf(source, { workers })).toEqual(inline);
    expect(await epochOf(source, { workers: 2 }, 1)).toEqual(inline.slice(1));
    const { module, ...plain } = source; // Read in the calling thread, flipped in the workers.
    expect(await epochOf(plain, { workers: 2 })).toEqual(inline);
    expect(await epochOf(source, { workers: 0, seed: 8 })).not.toEqual(inline);

    const [still] = await epochOf(source, { workers: 0, transforms: [crop], batchSize: 4, shuffle: false });
    const randoms = [0, 1, 2, 3].map((sample) => random(7, 2, sample, 0));
    expect(still!.x).toEqual(await source.readView!([0, 1, 2, 3], crop.view!, randoms));

    const { train } = split(source, { validation: 0.5 });
    const ofPart = await epochOf(train, { workers: 0 });
    expect(await epochOf(train, { workers: 2 })).toEqual(ofPart);
  });

  it("names the file that is damaged or no image", async () => {
    const dir = await folder();
    const source = await imageFolder(dir, square);
    const remedy = "copy or download it again, or remove it";
    await writeFile(join(dir, "red", "2.png"), "hello");
    await expect(source.read([0, 3])).rejects.toThrow(
      formatError(
        `imageFolder: ${join(dir, "red", "2.png")} must be an image that sharp decodes, got Input buffer contains ` +
          `unsupported image format; ${remedy}`,
      ),
    );
    const jpeg = join(dir, "red", "10.JPEG");
    await picture(RED, 300, 300).jpeg().toFile(jpeg);
    await truncate(jpeg, 700);
    await expect(source.read([2])).rejects.toThrow(`imageFolder: ${jpeg} must be an image that sharp decodes, got `);
  });

  it("says what the folder lacks", async () => {
    const dir = await temporaryFolder();
    const remedy = "name the folder that holds one folder of images per class";
    await expect(imageFolder(join(dir, "no\u001b"), square)).rejects.toThrow(
      new Error(`imageFolder: dir must be a folder, got '${dir}/no\\x1B', which does not exist; ${remedy}`),
    );
    await writeFile(join(dir, "file"), "");
    await expect(imageFolder(join(dir, "file"), square)).rejects.toThrow(
      new Error(`imageFolder: dir must be a folder, got '${dir}/file', which is none; ${remedy}`),
    );
    await expect(imageFolder(dir, square)).rejects.toThrow(
      new Error(
        `imageFolder: dir must hold one folder of images per class, got none in ${dir}; name the folder above them`,
      ),
    );
    await mkdir(join(dir, "empty"));
    await expect(imageFolder(dir, square)).rejects.toThrow(
      new Error(
        `imageFolder: each class folder must hold images, got none in ${join(dir, "empty")}; copy its images again, or remove it`,
      ),
    );
  });

  it.each([
    [{ height: 0 }, "height must be an integer of at least 1, got 0"],
    [{ width: 1.5 }, "width must be an integer of at least 1, got 1.5"],
    [{ resize: 3 }, "resize must cover the crop of 4 x 4, got 3"],
    [{ channels: 4 as 3 }, "channels must be 1 or 3, got 4"],
  ])("refuses %j", (wrong, says) =>
    expect(imageFolder("nowhere", { ...square, ...wrong })).rejects.toThrow(new RangeError(`imageFolder: ${says}`)),
  );
});

describeSampleData("cifar10-images", (folder) => {
  it("has 500 images of each of 10 classes, as they are", async () => {
    const train = await imageFolder(join(folder, "train"), { height: 32, width: 32 });
    expect([train.count, train.classes.length]).toEqual([5000, 10]);
    expect(train.classes.map((_, label) => [...(train.labels as number[])].filter((l) => l === label).length)).toEqual(
      new Array(10).fill(500),
    );
    const loader = createLoader(train, { batchSize: 100, workers: 2 });
    let sum = 0;
    for await (const { x } of loader.epoch()) sum += x.reduce((a, b) => a + b) / x.length;
    await loader.close();
    // The mean of CIFAR-10's channels is 0.4914, 0.4822 and 0.4465.
    expect(Math.abs(sum / loader.batchesPerEpoch - 0.4734)).toBeLessThan(0.01);
  });
});
