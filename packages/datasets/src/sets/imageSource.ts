/** @file Image files with labels, as a source: what folders of images and ImageNet have in common. */
import { stat as statWithCallback } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Random, random } from "@sew/random";
import { fingerprint } from "../fingerprint.js";
import { decodeImage, importSharp } from "../formats/decodeImage.js";
import { hashFile } from "../hashFile.js";
import { checkIndices, checkSize, type SampleReader, type Source } from "../source.js";
import { packStrings, type StringTable, stringAt } from "../stringTable.js";
import { centreView, type ResizedCentreCropOptions } from "../transforms/resizedCrop.js";
import type { ChooseView } from "../transforms/view.js";

/** Takes half the time of `stat` of `node:fs/promises`, which matters for a million files. */
const stat = promisify(statWithCallback);

/** How images are decoded. */
export interface Decoding extends ResizedCentreCropOptions {
  /** 3 for colour (sRGB), 1 for grey. */
  readonly channels: 1 | 3;
}

/** Labelled image files. */
export interface ImageFiles {
  /** Opens messages. */
  readonly caller: string;
  /** Name of the source. */
  readonly name: string;
  readonly classes: readonly string[];
  readonly labels: readonly number[];
  readonly names: readonly string[];
  /** The folder of all files. */
  readonly dir: string;
  /** Path of each sample's file in `dir`. */
  readonly files: readonly string[];
  readonly decoding: Decoding;
  /** Whether the bytes of the files are in the fingerprint, or their lengths. */
  readonly hashFiles: boolean;
  /** Number of samples as the set was published. @defaultValue not known */
  readonly published?: number;
}

/** Throws when options are out of their ranges, or sharp is not installed. */
export async function checkDecoding(caller: string, decoding: Decoding): Promise<void> {
  const { height, width, channels } = decoding;
  centreView(caller, decoding);
  checkSize(caller, [1, height, width, channels]);
  if (channels !== 1 && channels !== 3) {
    throw new RangeError(`${caller}: channels must be 1 or 3, got ${channels satisfies never}`);
  }
  await importSharp(caller);
}

/** The files as a source. They are listed here, once; threads receive the list in memory that they share. */
export async function imageSource({
  caller,
  name,
  classes,
  labels,
  names,
  dir,
  files,
  decoding,
  hashFiles,
  published,
}: ImageFiles): Promise<Source> {
  const { height, width, channels } = decoding;
  const options: ImageReaderOptions = { caller, dir, files: packStrings(files), decoding };
  let bytes = 0;
  return {
    name,
    classes,
    count: files.length,
    shape: [1, height, width, channels],
    labels,
    names,
    fingerprint: fingerprint({
      classes,
      labels,
      names,
      contents: await inTurns(files, (file) => contentOf(join(dir, file))),
      decoding,
    }),
    files: { count: files.length, bytes },
    ...(published !== undefined && { published }),
    module: { url: import.meta.url, name: openImages.name, options },
    ...openImages(options),
  };

  async function contentOf(file: string): Promise<string | number> {
    const content = hashFiles ? await hashFile(caller, file) : undefined;
    const { size } = await stat(file);
    bytes += size;
    return content ?? size;
  }
}

/** Files that are looked at together: all of Node's threads for files have work, and few files are open. */
const TOGETHER = 64;

/** `work` for each text, in order; for some of them at a time. */
async function inTurns<Result>(
  texts: readonly string[],
  work: (text: string) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (let at = 0; at < texts.length; at += TOGETHER) {
    results.push(...(await Promise.all(texts.slice(at, at + TOGETHER).map(work))));
  }
  return results;
}

interface ImageReaderOptions {
  readonly caller: string;
  readonly dir: string;
  readonly files: StringTable;
  readonly decoding: Decoding;
}

/** Opens the files for reading, in any thread. @internal */
export function openImages({ caller, dir, files, decoding }: ImageReaderOptions): Required<SampleReader> {
  const { channels } = decoding;
  const centre = centreView(caller, decoding);
  const none = random(0);
  const readView = async (
    indices: ArrayLike<number>,
    view: ChooseView,
    randoms: readonly Random[] = [],
  ): Promise<Float32Array> => {
    checkIndices(caller, files.ends.length, indices);
    let values = new Float32Array(0);
    for (let n = 0; n < indices.length; n++) {
      const file = join(dir, stringAt(files, indices[n]!));
      const bytes = await decodeImage(file, { caller, channels, view, random: randoms[n] ?? none });
      if (n === 0) values = new Float32Array(indices.length * bytes.length);
      for (let i = 0; i < bytes.length; i++) values[n * bytes.length + i] = bytes[i]! / 255;
    }
    return values;
  };
  return { read: (indices) => readView(indices, centre), readView };
}
