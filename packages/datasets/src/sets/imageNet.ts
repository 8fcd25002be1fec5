/** @file ImageNet (ILSVRC 2012), as class folders or as the archive of Kaggle unpacks. */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { FileFormatError } from "../fileFormatError.js";
import { listNames } from "../folders.js";
import { readLines } from "../formats/readLines.js";
import type { Source } from "../source.js";
import type { ResizedCentreCropOptions } from "../transforms/resizedCrop.js";
import { foldersIn, imagesIn, isImage } from "./imageFolder.js";
import { checkDecoding, imageSource } from "./imageSource.js";

/** How {@link imageNet} decodes its files. */
export interface ImageNetOptions extends Partial<ResizedCentreCropOptions> {
  /** Rows of the decoded images, at least 1. @defaultValue 224 */
  readonly height?: number;
  /** Columns of the decoded images, at least 1. @defaultValue 224 */
  readonly width?: number;
  /** Length in pixels to which the shorter side is resized before the crop; covers the crop. @defaultValue 256 */
  readonly resize?: number;
  /**
   * Put the bytes of every file into the fingerprint, which reads all of them once, 147 GB; otherwise only their lengths.
   *
   * @defaultValue `false`
   */
  readonly hashFiles?: boolean;
}

/** The files of a split: the class, the name and, in the split's folder, the path of each. */
interface Listing {
  readonly classes: readonly string[];
  readonly dir: string;
  readonly labels: readonly number[];
  readonly names: readonly string[];
  readonly files: readonly string[];
}

const MAPPING = "LOC_synset_mapping.txt";
const SOLUTION = "LOC_val_solution.csv";
const WNID = /^n\d{8}$/;

/** Images as published, of all classes. */
const PUBLISHED = { classes: 1000, train: 1_281_167, val: 50_000 } as const;

/**
 * ImageNet (ILSVRC 2012): 1,281,167 train and 50,000 validation images of 1000 classes, as a source of shape
 * `[1, 224, 224, 3]`, values in 0..1.
 *
 * Two layouts of `dir` are read. Class folders: `train/<wnid>/*.JPEG` and `val/<wnid>/*.JPEG`. The archive of Kaggle:
 * `ILSVRC/Data/CLS-LOC/train/<wnid>/*.JPEG`, `ILSVRC/Data/CLS-LOC/val/*.JPEG`, `LOC_synset_mapping.txt` and
 * `LOC_val_solution.csv`. Both give the same source: classes are WordNet ids in order (label 0 is `n01440764`, the tench),
 * as in torchvision; samples are in order of class and file, named `<wnid>/<file>`. Fewer classes or images are a set, too.
 *
 * Files are decoded when they are read, as in {@link imageFolder}, by default as for evaluation: the shorter side becomes
 * 256, of which the central 224 x 224 remain. For training put `randomResizedCrop` first among the transforms of the loader.
 *
 * @param dir the folder that holds `train` and `val`, or `ILSVRC` and the lists
 * @throws Error when neither layout is there, files are missing, or the two splits have other classes; FileFormatError when a
 *   list is malformed
 * @throws RangeError when an option is out of its range
 * @throws (read) FileFormatError naming the file, when it is no image, or damaged
 *
 * @example
 * ```ts no-run
 * const imagenet = normalise({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] });
 * const training = createLoader(await imageNet("data/imagenet", "train"), {
 *   batchSize: 32,
 *   shuffle: true,
 *   workers: 8,
 *   transforms: [randomResizedCrop({ height: 224, width: 224 }), randomFlip(), imagenet],
 * });
 * const validation = createLoader(await imageNet("data/imagenet", "val"), { batchSize: 32, transforms: [imagenet] });
 * ```
 */
export async function imageNet(
  dir: string,
  split: "train" | "val",
  { height = 224, width = 224, resize = 256, hashFiles = false }: ImageNetOptions = {},
): Promise<Source> {
  if (split !== "train" && split !== "val") {
    throw new RangeError(`imageNet: split must be "train" or "val", got ${JSON.stringify(split satisfies never)}`);
  }
  const decoding = { height, width, resize, channels: 3 } as const;
  await checkDecoding("imageNet", decoding);
  const listing = existsSync(join(dir, MAPPING)) ? await listArchive(dir, split) : await listFolders(dir, split);
  return imageSource({
    caller: "imageNet",
    name: `imagenet-${split}`,
    ...listing,
    decoding,
    hashFiles,
    ...(listing.classes.length === PUBLISHED.classes && { published: PUBLISHED[split] }),
  });
}

/** The classes of `train`, of which `val` has all; those of `val` where there is no `train`. */
async function listFolders(dir: string, split: "train" | "val"): Promise<Listing> {
  const folder = join(dir, split);
  const missing = (["train", "val"] as const).filter((name) => !existsSync(join(dir, name)));
  if (missing.includes(split)) {
    throw new Error(
      `imageNet: dir must hold train/<wnid>/*.JPEG and val/<wnid>/*.JPEG, or ILSVRC and ${MAPPING} of the Kaggle archive, ` +
        `got no ${missing.join(" and no ")} in ${dir}; name the folder that holds them`,
    );
  }
  const classes = await classFolders(folder);
  if (classes.length === 0) {
    throw new Error(
      `imageNet: ${folder} must hold one folder of images per class, got none; of the Kaggle archive name the folder that ` +
        `holds ILSVRC and ${MAPPING}`,
    );
  }
  const train = join(dir, "train");
  if (split === "val" && existsSync(train)) checkClasses(classes, await classFolders(train), folder, train);
  return { classes, ...(await listClasses(folder, classes)) };
}

async function listArchive(dir: string, split: "train" | "val"): Promise<Listing> {
  const classes = await readMapping(join(dir, MAPPING));
  const folder = join(dir, "ILSVRC", "Data", "CLS-LOC", split);
  if (!existsSync(folder)) {
    throw new Error(
      `imageNet: dir must hold the images of the Kaggle archive, got no ${folder}; unpack it in the folder of ${MAPPING}`,
    );
  }
  if (split === "train") {
    checkClasses(await classFolders(folder), classes, folder, MAPPING);
    return { classes, ...(await listClasses(folder, classes)) };
  }
  const labels = await readSolution(join(dir, SOLUTION), classes);
  const images = (await readdir(folder)).filter(isImage);
  const unlabelled = images.filter((file) => !labels.has(file)).sort();
  if (unlabelled.length > 0) {
    throw new Error(
      `imageNet: ${SOLUTION} must label every image of ${folder}, got none for ${listNames(unlabelled)}; unpack it again, ` +
        "or move images that are not of the archive away",
    );
  }
  const found = new Set(images);
  const missing = [...labels.keys()].filter((file) => !found.has(file)).map((file) => join(folder, file));
  if (missing.length > 0) {
    throw new Error(
      `imageNet: dir must hold every image of ${SOLUTION}, got no ${listNames(missing)}; unpack it again`,
    );
  }
  // In the order of class folders.
  const rows = images.map((file) => ({ file, label: labels.get(file)! }));
  rows.sort((a, b) => a.label - b.label || (a.file < b.file ? -1 : 1));
  return {
    classes,
    dir: folder,
    labels: rows.map(({ label }) => label),
    names: rows.map(({ file, label }) => `${classes[label]}/${file}`),
    files: rows.map(({ file }) => file),
  };
}

async function listClasses(dir: string, classes: readonly string[]): Promise<Omit<Listing, "classes">> {
  const { labels, names } = await imagesIn("imageNet", dir, classes);
  return { dir, labels, names, files: names };
}

/** The class folders of a split; throws when there is another folder among them, which would move the labels. */
async function classFolders(folder: string): Promise<string[]> {
  const classes = await foldersIn("imageNet", folder);
  const other = classes.find((name) => !WNID.test(name));
  if (other === undefined) return classes;
  throw new Error(
    `imageNet: class folders must be named by a WordNet id such as n01440764, got ${join(folder, other)}; move it away, ` +
      "or use imageFolder",
  );
}

/** Throws when the classes `found` in `where` are not those of `list`: other classes would move the labels. */
function checkClasses(found: readonly string[], expected: readonly string[], where: string, list: string): void {
  const missing = expected.filter((name) => !found.includes(name));
  const excess = found.filter((name) => !expected.includes(name));
  if (missing.length === 0 && excess.length === 0) return;
  throw new Error(
    `imageNet: ${where} must hold a folder for each class of ${list} and no other, got ` +
      `${missing.length === 0 ? `also ${listNames(excess)}` : `no ${listNames(missing)}`}; unpack it again`,
  );
}

/** The WordNet ids of lines `<wnid> <words>`, in order. */
async function readMapping(file: string): Promise<string[]> {
  const classes = new Set<string>();
  for (const [i, text] of (await readLines("imageNet", file)).entries()) {
    if (text === "") continue;
    const [wnid = ""] = text.split(/\s/, 1);
    const fail = (must: string, got: string): never => {
      throw new FileFormatError({ reader: "imageNet", file, line: i + 1, must, got, remedy: "unpack it again" });
    };
    if (!WNID.test(wnid)) fail('hold lines "<wnid> <words>"', JSON.stringify(text));
    if (classes.has(wnid)) fail("list each class once", `${wnid} twice`);
    classes.add(wnid);
  }
  return [...classes].sort();
}

/** The label of each image, from lines `<image>,<wnid> <box>`; their order is not that of the files. */
async function readSolution(file: string, classes: readonly string[]): Promise<Map<string, number>> {
  const index = new Map(classes.map((name, label) => [name, label]));
  const labels = new Map<string, number>();
  for (const [i, text] of (await readLines("imageNet", file)).entries()) {
    if (text === "" || (i === 0 && text === "ImageId,PredictionString")) continue;
    const fail = (must: string, got: string): never => {
      throw new FileFormatError({ reader: "imageNet", file, line: i + 1, must, got, remedy: "unpack it again" });
    };
    const [, image, wnid] = /^([^\s,/\\]+),(n\d{8})(?=\s|$)/.exec(text) ?? [];
    if (image === undefined || wnid === undefined)
      return fail('hold lines "<image>,<wnid> <box>"', JSON.stringify(text));
    const label = index.get(wnid);
    if (label === undefined) return fail(`label images with a class of ${MAPPING}`, wnid);
    if (labels.has(`${image}.JPEG`)) fail("list each image once", `${image} twice`);
    labels.set(`${image}.JPEG`, label);
  }
  return labels;
}
