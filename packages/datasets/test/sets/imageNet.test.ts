import { copyFile, mkdir, readdir, readFile, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  createLoader,
  type ImageNetOptions,
  imageFolder,
  imageNet,
  normalise,
  randomFlip,
  randomResizedCrop,
  type Source,
} from "@sew/datasets";
import { describeSource } from "@sew/datasets/testing";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { describeSampleData, formatError, temporaryFolder } from "../support.js";

const WNIDS = ["n01440764", "n01443537", "n02105855"];
const ARCHIVE = join("ILSVRC", "Data", "CLS-LOC");

/** Image i: so many columns, one colour. */
const picture = (i: number) =>
  sharp({ create: { width: 20 + i, height: 18, channels: 3, background: { r: 20 * i, g: 7, b: 255 - i } } });

/** Two train and two validation images of each class; image i of a split is in `train(i)` or `val(i)`. */
async function write(dir: string, val: (i: number, file: string) => string): Promise<void> {
  for (let i = 0; i < 6; i++) {
    const wnid = WNIDS[i >> 1]!;
    const trained = join(dir, "train", wnid, `${wnid}_${10 - i}.JPEG`);
    // File numbers of the validation split do not rise with the class.
    const validated = join(dir, "val", val(i, `ILSVRC2012_val_0000000${(i * 5) % 6}.JPEG`));
    for (const file of [trained, validated]) {
      await mkdir(join(file, ".."), { recursive: true });
      await picture(i).jpeg().toFile(file);
    }
  }
}

/** As class folders. */
async function folders(): Promise<string> {
  const dir = await temporaryFolder();
  await write(dir, (i, file) => join(WNIDS[i >> 1]!, file));
  return dir;
}

const MAPPING = [...WNIDS]
  .reverse()
  .map((wnid) => `${wnid} words, more words\n`)
  .join("");
/** Not in the order of the files. */
const SOLUTION = [3, 0, 5, 1, 4, 2]
  .map((i) => `ILSVRC2012_val_0000000${(i * 5) % 6},${WNIDS[i >> 1]} 1 2 3 4 ${WNIDS[0]} 5 6 7 8 \n`)
  .join("");

/** As the archive of Kaggle. */
async function archive(): Promise<string> {
  const dir = await temporaryFolder();
  await write(join(dir, ARCHIVE), (_, file) => file);
  await mkdir(join(dir, ARCHIVE, "test"));
  await writeFile(join(dir, "LOC_synset_mapping.txt"), MAPPING);
  await writeFile(join(dir, "LOC_val_solution.csv"), `ImageId,PredictionString\n${SOLUTION}`);
  return dir;
}

const small = { height: 6, width: 5, resize: 8 };
const open = async (
  layout: () => Promise<string>,
  split: "train" | "val" = "val",
  options: ImageNetOptions = {},
  change?: (dir: string) => Promise<unknown>,
): Promise<Source> => {
  const dir = await layout();
  await change?.(dir);
  return imageNet(dir, split, { ...small, ...options });
};

describeSource("ImageNet in class folders", () => open(folders), {
  changed: {
    "another crop": () => open(folders, "val", { width: 6 }),
    "another size": () => open(folders, "val", { resize: 9 }),
    "the bytes of files": () => open(folders, "val", { hashFiles: true }),
    "one file fewer": () =>
      open(folders, "val", {}, (dir) => rm(join(dir, "val", "n01440764", "ILSVRC2012_val_00000000.JPEG"))),
    "a shorter file": () =>
      open(folders, "val", {}, (dir) => truncate(join(dir, "val", "n01440764", "ILSVRC2012_val_00000000.JPEG"), 99)),
    "the train split": () => open(folders, "train"),
  },
});

describeSource("ImageNet in Kaggle's archive", () => open(archive), {
  changed: {
    "another label": () =>
      open(archive, "val", {}, (dir) =>
        writeFile(join(dir, "LOC_val_solution.csv"), SOLUTION.replace("n01443537 1", "n02105855 1")),
      ),
  },
});

describe("imageNet", () => {
  it.each(["train", "val"] as const)("gives the same source of both layouts (%s)", async (split) => {
    const [one, other] = [await open(folders, split), await open(archive, split)];
    const indices = [5, 0, 3, 1, 4, 2];
    expect(one).toMatchObject({ classes: WNIDS, labels: [0, 0, 1, 1, 2, 2], count: 6, shape: [1, 6, 5, 3] });
    expect(other).toMatchObject({ classes: WNIDS, labels: one.labels, names: one.names });
    expect(other.fingerprint).toBe(one.fingerprint);
    expect(await other.read(indices)).toEqual(await one.read(indices));
    expect(one.name).toBe(`imagenet-${split}`);
  });

  it("orders samples by class and file name, whatever the order of the solutions", async () => {
    expect((await open(archive)).names).toEqual([
      "n01440764/ILSVRC2012_val_00000000.JPEG",
      "n01440764/ILSVRC2012_val_00000005.JPEG",
      "n01443537/ILSVRC2012_val_00000003.JPEG",
      "n01443537/ILSVRC2012_val_00000004.JPEG",
      "n02105855/ILSVRC2012_val_00000001.JPEG",
      "n02105855/ILSVRC2012_val_00000002.JPEG",
    ]);
  });

  it("shows 224 x 224 of images resized to 256 by default, as a folder of images does", async () => {
    const dir = await folders();
    const source = await imageNet(dir, "val");
    expect(source.shape).toEqual([1, 224, 224, 3]);
    const same = await imageFolder(join(dir, "val"), { height: 224, width: 224, resize: 256 });
    expect(await source.read([1, 2])).toEqual(await same.read([1, 2]));
  });

  it("reads a validation split without a train split beside it, and lists with a byte order mark and CRLF", async () => {
    const alone = await open(folders, "val", {}, (dir) => rm(join(dir, "train"), { recursive: true }));
    const marked = await open(archive, "val", {}, async (dir) => {
      await writeFile(join(dir, "LOC_synset_mapping.txt"), `\ufeff${MAPPING.replaceAll("\n", "\r\n")}`);
      await writeFile(join(dir, "LOC_val_solution.csv"), SOLUTION.replaceAll("\n", "\r\n"));
    });
    expect(marked.fingerprint).toBe(alone.fingerprint);
  });

  it("lists once: threads find their files in memory that they share", async () => {
    const dir = await folders();
    const source = await imageNet(dir, "train", small);
    const inline = await source.read([0, 1, 2, 3, 4, 5]);
    for (const wnid of WNIDS) {
      for (const file of await readdir(join(dir, "train", wnid))) {
        await copyFile(join(dir, "train", wnid, file), join(dir, "train", wnid, `0${file}`)); // would come first
      }
    }
    const loader = createLoader(source, { batchSize: 6, workers: 2 });
    for await (const { x } of loader.epoch()) expect(x).toEqual(inline);
    await loader.close();
    const { files } = source.module!.options as { files: { bytes: Uint8Array; ends: Uint32Array } };
    expect(files.bytes.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(files.ends.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it("trains on random crops, flipped and normalised, alike with any number of workers", async () => {
    const source = await open(folders, "train");
    const transforms = [
      randomResizedCrop({ height: 7, width: 7 }),
      randomFlip(),
      normalise({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }),
    ];
    const epochOf = async (workers: number, epoch = 1) => {
      const loader = createLoader(source, { batchSize: 4, shuffle: true, seed: 3, workers, transforms });
      const batches = [];
      for await (const batch of loader.epoch({ epoch })) batches.push(batch);
      await loader.close();
      return batches;
    };
    const inline = await epochOf(0);
    expect(inline[0]!.shape).toEqual([1, 4, 7, 7, 3]);
    expect(await epochOf(1)).toEqual(inline);
    expect(await epochOf(3)).toEqual(inline);
    expect(await epochOf(0, 2)).not.toEqual(inline);
    const sum = inline.flatMap(({ x }) => [...x]).reduce((a, b) => a + b);
    expect(Number.isFinite(sum)).toBe(true);
  });

  it("decodes a PNG named JPEG, and images of CMYK and grey", async () => {
    const dir = await folders();
    const names = await readdir(join(dir, "train", "n02105855"));
    const colour = { r: 200, g: 20, b: 30 };
    const image = sharp({ create: { width: 30, height: 20, channels: 3, background: colour } });
    await image.clone().png().toFile(join(dir, "png"));
    await image.clone().toColourspace("cmyk").jpeg({ quality: 100 }).toFile(join(dir, "cmyk"));
    await image.clone().toColourspace("b-w").jpeg({ quality: 100 }).toFile(join(dir, "grey"));
    const shown = async (kind: string) => {
      await copyFile(join(dir, kind), join(dir, "train", "n02105855", names[0]!));
      const source = await imageNet(dir, "train", small);
      const pixels = await source.read([source.names.indexOf(`n02105855/${names[0]}`)]);
      return [...pixels.subarray(0, 3)].map((value) => Math.round(255 * value));
    };
    expect(await shown("png")).toEqual([200, 20, 30]);
    const [red, green] = await shown("cmyk");
    expect(red! - green!).toBeGreaterThan(100);
    const grey = await shown("grey");
    expect(new Set(grey).size).toBe(1);
  });

  it("names an image that is damaged or cut short", async () => {
    const dir = await archive();
    const source = await imageNet(dir, "val", small);
    const file = join(dir, ARCHIVE, "val", "ILSVRC2012_val_00000003.JPEG");
    const bytes = await readFile(file);
    for (const length of [0, 2, 100, bytes.length - 30]) {
      await writeFile(file, bytes.subarray(0, length));
      await expect(source.read([2])).rejects.toThrow(`imageNet: ${file} must be an image that sharp decodes, got `);
    }
    const loader = createLoader(source, { batchSize: 3, workers: 1 });
    await expect(loader.epoch().next()).rejects.toThrow(file);
    await loader.close();
  });

  it("says what class folders lack", async () => {
    const fails = (change: (dir: string) => Promise<unknown>, says: (dir: string) => string) =>
      (async () => {
        const dir = await folders();
        await change(dir);
        await expect(imageNet(dir, "val", small)).rejects.toThrow(new Error(`imageNet: ${says(dir)}`));
      })();
    await fails(
      (dir) => rm(join(dir, "val"), { recursive: true }),
      (dir) =>
        "dir must hold train/<wnid>/*.JPEG and val/<wnid>/*.JPEG, or ILSVRC and LOC_synset_mapping.txt of the Kaggle " +
        `archive, got no val in ${dir}; name the folder that holds them`,
    );
    await fails(
      (dir) => rm(join(dir, "val", "n01443537"), { recursive: true }),
      (dir) =>
        `${join(dir, "val")} must hold a folder for each class of ${join(dir, "train")} and no other, got no n01443537; ` +
        "unpack it again",
    );
    await fails(
      (dir) => mkdir(join(dir, "val", "n09999999")),
      (dir) =>
        `${join(dir, "val")} must hold a folder for each class of ${join(dir, "train")} and no other, got also n09999999; ` +
        "unpack it again",
    );
    await fails(
      (dir) => rename(join(dir, "val", "n01443537"), join(dir, "val", "goldfish")),
      (dir) =>
        `class folders must be named by a WordNet id such as n01440764, got ${join(dir, "val", "goldfish")}; move it ` +
        "away, or use imageFolder",
    );
    await fails(
      async (dir) => {
        await rm(join(dir, "val", "n01443537"), { recursive: true });
        await mkdir(join(dir, "val", "n01443537"));
      },
      (dir) =>
        `each class folder must hold images, got none in ${join(dir, "val", "n01443537")}; copy its images again, or remove it`,
    );
    const flat = join(await archive(), ARCHIVE);
    await expect(imageNet(flat, "val", small)).rejects.toThrow(
      new Error(
        `imageNet: ${join(flat, "val")} must hold one folder of images per class, got none; of the Kaggle archive name ` +
          "the folder that holds ILSVRC and LOC_synset_mapping.txt",
      ),
    );
  });

  it("says what the archive lacks", async () => {
    const fails = (split: "train" | "val", change: (dir: string) => Promise<unknown>, says: (dir: string) => string) =>
      (async () => {
        const dir = await archive();
        await change(dir);
        await expect(imageNet(dir, split, small)).rejects.toThrow(new Error(`imageNet: ${says(dir)}`));
      })();
    await fails(
      "train",
      (dir) => rm(join(dir, "ILSVRC"), { recursive: true }),
      (dir) =>
        `dir must hold the images of the Kaggle archive, got no ${join(dir, ARCHIVE, "train")}; unpack it in the folder of ` +
        "LOC_synset_mapping.txt",
    );
    await fails(
      "train",
      (dir) => rm(join(dir, ARCHIVE, "train", "n02105855"), { recursive: true }),
      (dir) =>
        `${join(dir, ARCHIVE, "train")} must hold a folder for each class of LOC_synset_mapping.txt and no other, got no ` +
        "n02105855; unpack it again",
    );
    await fails(
      "val",
      (dir) => rm(join(dir, ARCHIVE, "val", "ILSVRC2012_val_00000004.JPEG")),
      (dir) =>
        "dir must hold every image of LOC_val_solution.csv, got no " +
        `${join(dir, ARCHIVE, "val", "ILSVRC2012_val_00000004.JPEG")}; unpack it again`,
    );
    await fails(
      "val",
      (dir) =>
        picture(0)
          .jpeg()
          .toFile(join(dir, ARCHIVE, "val", "ILSVRC2012_val_00000009.JPEG")),
      (dir) =>
        `LOC_val_solution.csv must label every image of ${join(dir, ARCHIVE, "val")}, got none for ` +
        "ILSVRC2012_val_00000009.JPEG; unpack it again, or move images that are not of the archive away",
    );
    await fails(
      "val",
      (dir) => writeFile(join(dir, "LOC_val_solution.csv"), "ImageId,PredictionString\n"),
      (dir) =>
        `LOC_val_solution.csv must label every image of ${join(dir, ARCHIVE, "val")}, got none for ` +
        "ILSVRC2012_val_00000000.JPEG, ILSVRC2012_val_00000001.JPEG, ILSVRC2012_val_00000002.JPEG and 3 more; " +
        "unpack it again, or move images that are not of the archive away",
    );
  });

  it.each([
    ["LOC_synset_mapping.txt", "n01440764 tench\ntench\n", 'hold lines "<wnid> <words>", got "tench" at line 2'],
    ["LOC_synset_mapping.txt", "n01440764 a\n\nn01440764 b\n", "list each class once, got n01440764 twice at line 3"],
    [
      "LOC_val_solution.csv",
      "ImageId,PredictionString\nx,tench 1 2\n",
      'hold lines "<image>,<wnid> <box>", got "x,tench 1 2" at line 2',
    ],
    ["LOC_val_solution.csv", "a,n01440764\na,n01440764 1\n", "list each image once, got a twice at line 2"],
    [
      "LOC_val_solution.csv",
      "a,n01440765 1\n",
      "label images with a class of LOC_synset_mapping.txt, got n01440765 at line 1",
    ],
    [
      "LOC_val_solution.csv",
      "../a,n01440764 1\n",
      'hold lines "<image>,<wnid> <box>", got "../a,n01440764 1" at line 1',
    ],
  ])("refuses a malformed %s", async (list, text, says) => {
    const dir = await archive();
    await writeFile(join(dir, list), text);
    await expect(imageNet(dir, "val", small)).rejects.toThrow(
      formatError(`imageNet: ${join(dir, list)} must ${says}; unpack it again`),
    );
  });

  it.each([
    ["test" as "val", {}, 'split must be "train" or "val", got "test"'],
    ["val", { resize: 4 }, "resize must cover the crop of 224 x 224, got 4"],
    ["val", { height: 0 }, "height must be an integer of at least 1, got 0"],
  ] as const)("refuses %s %j", (split, options, says) =>
    expect(imageNet("nowhere", split, options)).rejects.toThrow(new RangeError(`imageNet: ${says}`)),
  );
});

describeSampleData("imagenet-sample-images", (folder) => {
  /** Class folders of links to the images. */
  const linked = async (): Promise<string> => {
    const dir = await temporaryFolder();
    for (const file of (await readdir(folder)).filter((name) => name.endsWith(".JPEG"))) {
      await mkdir(join(dir, "val", file.slice(0, 9)), { recursive: true });
      await symlink(join(folder, file), join(dir, "val", file.slice(0, 9), file));
    }
    return dir;
  };

  it("decodes 100 images within a grey level of Pillow", async () => {
    const source = await imageNet(await linked(), "val");
    expect([source.count, source.classes.length]).toEqual([100, 100]);
    const { places, pixels } = JSON.parse(
      await readFile(new URL("../fixtures/pillowImageNet.json", import.meta.url), "utf8"),
    ) as { places: [row: number, column: number][]; pixels: Record<string, number[]> };
    let distance = 0;
    let values = 0;
    for (const [i, name] of source.names.entries()) {
      const expected = pixels[name.slice(10)];
      const decoded = await source.read([i]);
      expect(decoded.every((value) => value >= 0 && value <= 1)).toBe(true);
      for (const [p, [row, column]] of expected === undefined ? [] : places.entries()) {
        for (let c = 0; c < 3; c++) {
          distance += Math.abs(255 * decoded[(row * 224 + column) * 3 + c]! - expected![3 * p + c]!);
          values++;
        }
      }
    }
    expect(values).toBe(50 * 8 * 3);
    expect(distance / values).toBeLessThan(0.5);
  });
});
