/** @file A folder of images, one folder a class. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { readRegular } from "@sew/files";
import { FileFormatError } from "../fileFormatError.js";
import { fingerprint } from "../fingerprint.js";
import { readFolder } from "../folders.js";
import { hashFile } from "../hashFile.js";
import { checkIndices, checkSize, type Source } from "../source.js";
import { centreOffset } from "../transforms/crop.js";

/** Files with other endings are ignored. */
const IMAGE = /\.(avif|gif|jpe?g|png|tiff?|webp)$/i;

/** How {@link imageFolder} decodes its files. */
export interface ImageFolderOptions {
  /** Rows of the decoded images, at least 1. */
  readonly height: number;
  /** Columns of the decoded images, at least 1. */
  readonly width: number;
  /**
   * Length in pixels to which the shorter side is resized before the crop, such as 256 for a crop of 224.
   *
   * @defaultValue the smallest that covers the crop
   */
  readonly resize?: number;
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
 * Classes are the folders in order of their names, samples the files in order of class and name, named `<class>/<file>`.
 * An image is resized so that its shorter side is `resize`, bilinear with antialiasing, and cropped in the centre. Grey,
 * CMYK, 16-bit and transparent images become sRGB of 8 bits (an alpha channel is dropped); the rotation of Exif is ignored,
 * as in torchvision. JPEG, PNG, WebP, GIF (the first picture), TIFF and AVIF are decoded by `sharp`, an optional peer
 * dependency: `npm install sharp`.
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
 * const loader = createLoader(flowers, { batchSize: 32, shuffle: true, workers: 4, transforms: [randomFlip(), imagenet] });
 * ```
 */
export async function imageFolder(
  dir: string,
  { height, width, resize, channels = 3, hashFiles = true }: ImageFolderOptions,
): Promise<Source> {
  for (const [name, value] of Object.entries({ height, width, ...(resize !== undefined && { resize }) })) {
    if (!(Number.isInteger(value) && value > 0)) {
      throw new RangeError(`imageFolder: ${name} must be an integer above 0, got ${value}`);
    }
  }
  checkSize("imageFolder", [1, height, width, channels]);
  if (resize !== undefined && resize < Math.max(height, width)) {
    throw new RangeError(`imageFolder: resize must cover the crop of ${height} x ${width}, got ${resize}`);
  }
  if (channels !== 1 && channels !== 3) {
    throw new RangeError(`imageFolder: channels must be 1 or 3, got ${channels satisfies never}`);
  }
  await importSharp();

  const classes = await classFolders(dir);
  const labels: number[] = [];
  const names: string[] = [];
  for (const [label, name] of classes.entries()) {
    const files = (await readdir(join(dir, name))).filter((file) => IMAGE.test(file)).sort();
    if (files.length === 0) {
      throw new Error(`imageFolder: each class folder must hold images, got none in ${join(dir, name)}; remove it`);
    }
    for (const file of files) {
      labels.push(label);
      names.push(`${name}/${file}`);
    }
  }
  const files = names.map((name) => join(dir, name));
  const contents: (string | number)[] = [];
  for (const file of files) contents.push(hashFiles ? await hashFile("imageFolder", file) : (await stat(file)).size);
  const decoding = { height, width, channels, ...(resize !== undefined && { resize }) };
  const options: ImageReaderOptions = { ...decoding, files };
  return {
    name: "image-folder",
    classes,
    count: files.length,
    shape: [1, height, width, channels],
    labels,
    names,
    fingerprint: fingerprint({ classes, labels, names, contents, decoding }),
    module: { url: import.meta.url, name: openImages.name, options },
    ...openImages(options),
  };
}

/** The names of the folders in `dir`, sorted. */
async function classFolders(dir: string): Promise<string[]> {
  const entries = await readFolder("imageFolder", dir, "name the folder that holds one folder of images per class");
  const folders: string[] = [];
  for (const name of entries.map(({ name }) => name).sort()) {
    // Of a link, what it leads to counts.
    if (!name.startsWith(".") && (await stat(join(dir, name))).isDirectory()) folders.push(name);
  }
  if (folders.length === 0) {
    throw new Error(
      `imageFolder: dir must hold one folder of images per class, got none in ${dir}; name the folder above them`,
    );
  }
  return folders;
}

interface ImageReaderOptions extends Required<Pick<ImageFolderOptions, "height" | "width" | "channels">> {
  readonly resize?: number;
  readonly files: readonly string[];
}

/** Opens the files for reading, in any thread. @internal */
export function openImages({ files, ...decoding }: ImageReaderOptions): {
  read(indices: ArrayLike<number>): Promise<Float32Array>;
} {
  const { height, width, channels } = decoding;
  const size = height * width * channels;
  return {
    async read(indices) {
      checkIndices("image folder", files.length, indices);
      const values = new Float32Array(indices.length * size);
      for (let n = 0; n < indices.length; n++) {
        const bytes = await decode(files[indices[n]!]!, decoding);
        for (let i = 0; i < size; i++) values[n * size + i] = bytes[i]! / 255;
      }
      return values;
    },
  };
}

/** The bytes `[height, width, channels]` of an image file. */
async function decode(
  file: string,
  { height, width, channels, resize }: Omit<ImageReaderOptions, "files">,
): Promise<Uint8Array> {
  const sharp = await importSharp();
  const fail = (got: string): never => {
    const remedy = "copy or download it again, or remove it";
    throw new FileFormatError({ reader: "imageFolder", file, must: "be an image that sharp decodes", got, remedy });
  };
  const encoded = await readRegular("imageFolder", file);
  try {
    const image = sharp(encoded, { failOn: "error" });
    const { width: columns, height: rows } = await image.metadata();
    const scale = resize === undefined ? Math.max(height / rows, width / columns) : resize / Math.min(rows, columns);
    const [resizedRows, resizedColumns] = [
      Math.max(height, Math.floor(rows * scale)),
      Math.max(width, Math.floor(columns * scale)),
    ];
    const { data, info } = await image
      // Shrinking while decoding would change the pixels.
      .resize(resizedColumns, resizedRows, { fit: "fill", kernel: "linear", fastShrinkOnLoad: false })
      .extract({ top: centreOffset(resizedRows, height), left: centreOffset(resizedColumns, width), height, width })
      .removeAlpha()
      .toColourspace(channels === 1 ? "b-w" : "srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== channels) return fail(`${info.channels} channels`);
    return data;
  } catch (error) {
    if (error instanceof FileFormatError) throw error;
    return fail((error as Error).message);
  }
}

/** The decoder, which not every user of this package wants to install. */
async function importSharp(): Promise<typeof import("sharp").default> {
  try {
    return (await import("sharp")).default;
  } catch (error) {
    throw new Error(
      `imageFolder: sharp must be installed to decode images, got: ${(error as Error).message}; run npm install sharp`,
      { cause: error },
    );
  }
}
