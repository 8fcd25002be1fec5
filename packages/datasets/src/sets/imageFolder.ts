/** @file A folder of images, one folder a class. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { listNames, readFolder } from "../folders.js";
import type { Source } from "../source.js";
import type { ResizedCentreCropOptions } from "../transforms/resizedCrop.js";
import { checkDecoding, imageSource } from "./imageSource.js";

/** Files with other endings are ignored. */
const IMAGE = /\.(avif|gif|jpe?g|png|tiff?|webp)$/i;

/** How {@link imageFolder} decodes its files. */
export interface ImageFolderOptions extends ResizedCentreCropOptions {
  /** 3 for colour (sRGB), 1 for grey. @defaultValue 3 */
  readonly channels?: 1 | 3;
  /**
   * Put the bytes of every file into the fingerprint, which reads all of them once; otherwise only their lengths.
   *
   * @defaultValue `true`
   */
  readonly hashFiles?: boolean;
}

/**
 * A folder with one folder of images per class, as a source of shape `[1, height, width, channels]`, values in 0..1.
 *
 * Classes are the folders in order of their names, samples the files in order of class and name, named `<class>/<file>`;
 * names that start with a dot are ignored. An image is resized and cropped as by `resizedCentreCrop`, or as the first
 * transform of a loader shows it. Grey, CMYK, 16-bit and transparent images become sRGB of 8 bits (an alpha channel is
 * dropped); colour profiles and the rotation of Exif are ignored, as in torchvision. JPEG, PNG, WebP, GIF (the first
 * picture), TIFF and AVIF are decoded by `sharp`, an optional peer dependency: `npm install sharp`.
 *
 * @param dir the folder that holds the class folders
 * @throws Error when `sharp` is not installed, or `dir` is no folder or has no class folder, or a class folder no image
 * @throws RangeError when an option is out of its range
 * @throws (read) FileFormatError naming the file, when it is no image, or damaged
 *
 * @example
 * ```ts no-run
 * const flowers = await imageFolder("data/flowers", { height: 224, width: 224, resize: 256 });
 * const imagenet = normalise({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] });
 * const transforms = [randomResizedCrop({ height: 224, width: 224 }), randomFlip(), imagenet];
 * const loader = createLoader(flowers, { batchSize: 32, shuffle: true, workers: 4, transforms });
 * ```
 */
export async function imageFolder(
  dir: string,
  { height, width, resize, channels = 3, hashFiles = true }: ImageFolderOptions,
): Promise<Source> {
  const decoding = { height, width, channels, ...(resize !== undefined && { resize }) };
  await checkDecoding("imageFolder", decoding);
  const classes = await foldersIn("imageFolder", dir);
  if (classes.length === 0) {
    throw new Error(
      `imageFolder: dir must hold one folder of images per class, got none in ${dir}; name the folder above them`,
    );
  }
  const { labels, names } = await imagesIn("imageFolder", dir, classes);
  return imageSource({
    caller: "imageFolder",
    name: "image-folder",
    classes,
    labels,
    names,
    dir,
    files: names,
    decoding,
    hashFiles,
  });
}

/** The names of the folders in `dir`, sorted. */
export async function foldersIn(caller: string, dir: string): Promise<string[]> {
  const folders: string[] = [];
  const remedy = "name the folder that holds one folder of images per class";
  for (const entry of await readFolder(caller, dir, remedy)) {
    if (entry.name.startsWith(".")) continue;
    // Of a link, what it leads to counts.
    const kind = entry.isSymbolicLink() ? await stat(join(dir, entry.name)) : entry;
    if (kind.isDirectory()) folders.push(entry.name);
  }
  return folders.sort();
}

/** The images in the folders of some classes, as `<class>/<file>`, in order of class and name. */
export async function imagesIn(
  caller: string,
  dir: string,
  classes: readonly string[],
): Promise<{ labels: number[]; names: string[] }> {
  const labels: number[] = [];
  const names: string[] = [];
  const empty: string[] = [];
  for (const [label, name] of classes.entries()) {
    const files = (await readdir(join(dir, name))).filter(isImage);
    if (files.length === 0) empty.push(join(dir, name));
    for (const file of files.sort()) {
      labels.push(label);
      names.push(`${name}/${file}`);
    }
  }
  if (empty.length === 0) return { labels, names };
  throw new Error(
    `${caller}: each class folder must hold images, got none in ${listNames(empty)}; copy its images again, or remove it`,
  );
}

/** Whether a file of this name is an image; macOS keeps notes on `x.jpg` in `._x.jpg`. */
export function isImage(file: string): boolean {
  return IMAGE.test(file) && !file.startsWith(".");
}
