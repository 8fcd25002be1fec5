/** @file A labelled set of samples of one shape: what a loader reads. */
import type { Random } from "@sew/random";
import type { ModuleReference } from "./moduleReference.js";
import type { ChooseView } from "./transforms/view.js";

/**
 * Samples of one shape, each with a label and a name: the extension point of this package.
 *
 * Frame caches (`cacheFrames`) and folders of images (`imageFolder`) are sources, and so are parts of them (`subset`,
 * `split`). A plain object with these properties is one too; `defineSource` makes it readable by worker threads. Its test
 * calls `describeSource` of `@sew/datasets/testing` once.
 *
 * @example
 * const labels = [0, 1, 1];
 * const ramps: Source = {
 *   name: "ramps",
 *   classes: ["low", "high"],
 *   count: 3,
 *   shape: [2, 1, 1, 1],
 *   labels,
 *   names: ["a", "b", "c"],
 *   fingerprint: fingerprint({ name: "ramps", labels }),
 *   read(indices) {
 *     checkIndices("ramps", 3, indices);
 *     return Float32Array.from(Array.from(indices).flatMap((i) => [i, i + 0.5]));
 *   },
 * };
 * const loader = createLoader(ramps, { batchSize: 3, workers: 0 });
 * for await (const { x, shape } of loader.epoch()) console.log(shape, x); // time first: [2, 3, 1, 1, 1]
 */
export interface Source {
  /** Lower-case words joined by `-`. */
  readonly name: string;
  /** Class names; a label is an index into them. */
  readonly classes: readonly string[];
  /** Number of samples, at least 1. */
  readonly count: number;
  /** Shape of one sample, time first: `[T, H, W, C]` for frames, `[1, H, W, C]` for images. */
  readonly shape: readonly number[];
  /** Class of each sample, `[count]`. */
  readonly labels: ArrayLike<number>;
  /** Distinct name of each sample, `[count]`. */
  readonly names: readonly string[];
  /** A SHA-256 in hexadecimal that changes when samples, labels, their order, or how they are made change. */
  readonly fingerprint: string;
  /** The files it is read from: how many, and their length in all. @defaultValue not known */
  readonly files?: { readonly count: number; readonly bytes: number };
  /** Number of samples as the set was published; `checkData` reports another one. @defaultValue not known */
  readonly published?: number;
  /**
   * The values of these samples, one sample after another, in a new array that the caller may change.
   *
   * @param indices any number of samples, in any order, each in 0..count-1
   * @returns `[indices.length, ...shape]`, finite numbers
   * @throws RangeError when an index is out of range; `checkIndices` does it
   */
  read(indices: ArrayLike<number>): Float32Array | Promise<Float32Array>;
  /**
   * The values of these samples as `view` shows their images. A source of images of many sizes decodes so what the first
   * transform of a loader chooses of each, such as `randomResizedCrop`; `read` shows a view of the source's own.
   *
   * @param view chooses what a sample shows, from the size of its image
   * @param randoms random numbers for each sample, `[indices.length]`
   * @returns `[indices.length, 1, height, width, C]`, with the size of the view's `crop`
   * @throws RangeError when an index is out of range
   * @defaultValue none: every sample has an array of `shape` alone, and transforms change that
   */
  readView?(
    indices: ArrayLike<number>,
    view: ChooseView,
    randoms: readonly Random[],
  ): Float32Array | Promise<Float32Array>;
  /**
   * How a worker thread opens this source again; `defineSource` sets it.
   *
   * @defaultValue none: the source is read in the calling thread
   */
  readonly module?: ModuleReference;
}

/** The part of a source that reads; all that a worker thread needs of it. */
export type SampleReader = Pick<Source, "read" | "readView">;

/**
 * Throws `RangeError` when one of `indices` is no sample of a source.
 *
 * @param name opens the message; usually the source's name
 * @param count number of samples of the source
 *
 * @example
 * checkIndices("digits", 10, [0, 9]);
 */
export function checkIndices(name: string, count: number, indices: ArrayLike<number>): void {
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!;
    if (!(Number.isInteger(index) && index >= 0 && index < count)) {
      throw new RangeError(`${name}: indices must be integers in 0..${count - 1}, got ${index}`);
    }
  }
}

/** The most values of a sample: those of an array of 8 GiB. */
const MOST_VALUES = 2 ** 31;

/** Throws when a sample of this shape would have more values than an array can; `caller` opens the message. */
export function checkSize(caller: string, shape: readonly number[]): void {
  if (sizeOf(shape) <= MOST_VALUES) return;
  throw new RangeError(
    `${caller}: samples must have at most 2^31 values, got ${sizeOf(shape)} for the shape [${shape.join(", ")}]; use fewer ` +
      "frames or smaller ones",
  );
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, side) => size * side, 1);
}

/** Throws when the properties of `source` do not agree; `caller` opens the message. */
export function checkSource(caller: string, source: Source): void {
  const { name, classes, count, shape, labels, names, fingerprint, read } = source;
  checkName(caller, "source", name);
  const fail = (must: string, got: string): never => {
    throw new RangeError(`${caller}: source must ${must}, got ${got} in ${name}`);
  };
  if (typeof read !== "function")
    throw new TypeError(`${caller}: source must have a function read, got ${typeof read}`);
  if (!(Number.isInteger(count) && count > 0)) fail("have samples", `count ${count}`);
  if (!(shape.length > 0 && shape.every((side) => Number.isInteger(side) && side > 0))) {
    fail("have a shape of positive integers", `[${shape.join(", ")}]`);
  }
  if (labels.length !== count) fail(`have ${count} labels, one a sample`, `${labels.length}`);
  if (names.length !== count) fail(`have ${count} names, one a sample`, `${names.length}`);
  checkLabels(caller, classes, labels, names);
  checkDistinct(caller, "source", names);
  if (typeof fingerprint !== "string" || fingerprint === "") {
    fail("have a fingerprint", JSON.stringify(fingerprint) ?? "none");
  }
}

/** Throws unless a name is one that files and folders can have. */
export function checkName(caller: string, what: string, name: unknown): void {
  if (typeof name === "string" && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) return;
  throw new RangeError(
    `${caller}: ${what} must have a name of lower-case words and digits joined by -, got ${JSON.stringify(name) ?? String(name)}`,
  );
}

/** Throws where two samples have one name. */
export function checkDistinct(caller: string, what: string, names: readonly string[]): void {
  const seen = new Set<string>();
  const twice = names.find((name) => seen.size === seen.add(name).size);
  if (twice === undefined) return;
  throw new RangeError(`${caller}: ${what} must have samples of distinct names, got ${JSON.stringify(twice)} twice`);
}

/** Throws when a label is no index into `classes`; names the sample. */
export function checkLabels(
  caller: string,
  classes: readonly string[],
  labels: ArrayLike<number>,
  names: readonly string[],
): void {
  for (let i = 0; i < labels.length; i++) {
    const label: unknown = labels[i];
    if (!(Number.isInteger(label) && (label as number) >= 0 && (label as number) < classes.length)) {
      const got = typeof label === "string" ? JSON.stringify(label) : String(label);
      throw new RangeError(
        `${caller}: labels must be integers in 0..${classes.length - 1}, got ${got} for sample ${names[i]}`,
      );
    }
  }
}
