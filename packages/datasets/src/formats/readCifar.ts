/** @file The binary files of CIFAR-10 and CIFAR-100. */
import { readRegular } from "@sew/files";
import { FileFormatError } from "../fileFormatError.js";

/** Side of the square images, in pixels. */
export const CIFAR_SIDE = 32;

const PIXELS = CIFAR_SIDE * CIFAR_SIDE;
const CHANNELS = 3;

/** N labelled images. */
export interface CifarRecords {
  /** The labels of each kind, `[kinds][N]`. */
  readonly labels: readonly Uint8Array[];
  /** Colours 0..255, `[N, 32, 32, 3]`, red first. */
  readonly pixels: Uint8Array;
}

/** What {@link readCifar} expects of a file. */
export interface CifarOptions {
  /** Number of classes of each label byte: `[10]` of CIFAR-10, `[20, 100]` (coarse, fine) of CIFAR-100. */
  readonly classes: readonly number[];
  /** Number of records N, at least 1. @defaultValue as many as the file has */
  readonly records?: number;
}

/**
 * Reads a binary file of CIFAR-10 or CIFAR-100.
 *
 * Format: records of a byte for each kind of label, then 1024 bytes red, 1024 green, 1024 blue, each row by row; nothing
 * else. So a record of CIFAR-10 has 3073 bytes, one of CIFAR-100 (coarse label, fine label) 3074.
 *
 * @param path the file
 * @throws FileFormatError when the length is not that of the records, or a label is no class; RangeError when it is no
 *   regular file
 * @see Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009
 *
 * @example
 * import { writeFile } from "node:fs/promises";
 * import { readCifar } from "@sew/datasets";
 *
 * await writeFile("one.bin", Uint8Array.of(7, ...new Array(1024).fill(255), ...new Array(2048).fill(0)));
 * const { labels, pixels } = await readCifar("one.bin", { classes: [10] });
 * labels[0][0]; // 7
 * pixels.slice(0, 3); // Uint8Array [255, 0, 0]
 */
export async function readCifar(path: string, options: CifarOptions): Promise<CifarRecords> {
  return parseCifar(await readRegular("readCifar", path), options, path);
}

/** {@link readCifar} for bytes already in memory; errors call them `file`. */
export function parseCifar(bytes: Uint8Array, { classes, records }: CifarOptions, file = "the file"): CifarRecords {
  const length = classes.length + CHANNELS * PIXELS;
  const fail = (offset: number, must: string, got: string, remedy: string): never => {
    throw new FileFormatError({ reader: "readCifar", file, offset, must, got, remedy });
  };
  const count = Math.floor(bytes.length / length);
  if (count === 0 || bytes.length % length !== 0 || count !== (records ?? count)) {
    fail(
      Math.min(count, records ?? count) * length,
      `hold ${records ?? "whole"} records of ${length} bytes`,
      `a length of ${bytes.length} bytes`,
      "the file is truncated or of another format: download it again",
    );
  }
  const labels = classes.map(() => new Uint8Array(count));
  const pixels = new Uint8Array(count * CHANNELS * PIXELS);
  for (let n = 0; n < count; n++) {
    for (const [kind, of] of classes.entries()) {
      const label = bytes[n * length + kind]!;
      if (label >= of) {
        const remedy = "the file is damaged or of another format: download it again";
        fail(n * length + kind, `hold labels in 0..${of - 1}`, `${label}`, remedy);
      }
      labels[kind]![n] = label;
    }
    const from = n * length + classes.length;
    const to = n * CHANNELS * PIXELS;
    for (let c = 0; c < CHANNELS; c++) {
      for (let i = 0; i < PIXELS; i++) pixels[to + CHANNELS * i + c] = bytes[from + c * PIXELS + i]!;
    }
  }
  return { labels, pixels };
}
