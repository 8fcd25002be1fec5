/** @file A change of samples on their way into batches, and how worker threads find it. */
import type { Random } from "@sew/random";
import { type ModuleReference, referTo } from "../moduleReference.js";
import type { ChooseView } from "./view.js";

/**
 * Changes one sample.
 *
 * @param x values of the sample, row by row; may be changed in place and returned
 * @param shape shape of the sample, time first, such as `[T, H, W, C]`
 * @param random random numbers for this sample or batch
 * @returns values of the shape that the transform declares
 */
export type ApplyTransform = (x: Float32Array, shape: readonly number[], random: Random) => Float32Array;

/**
 * A change of samples on their way into batches: a plain object.
 *
 * The random numbers of a transform are `random(seed, epoch, sample, position)`, with `sample` the index in the source and
 * `position` that of the transform in the list; with `randomness: "batch"` they are `random(seed, epoch, batch, position)`.
 * So neither the number of threads nor where a run resumed changes them.
 */
export interface Transform {
  /** Name in errors, such as `randomCrop`. */
  readonly name: string;
  /**
   * Whether each sample has random numbers of its own, or all samples of a batch have the same ones.
   *
   * @defaultValue `"sample"`
   */
  readonly randomness?: "sample" | "batch";
  /**
   * Shape of a sample afterwards, from that before. Throws `RangeError` when the transform does not fit it.
   *
   * @defaultValue the same shape
   */
  readonly shapeOf?: (shape: readonly number[]) => readonly number[];
  /** Changes one sample. */
  readonly apply: ApplyTransform;
  /**
   * What `apply` shows of a picture, where it shows a view of it. As the first transform of a loader it then decides what a
   * source of image files decodes, in place of `apply`; see `Source.readView`.
   *
   * @defaultValue none: the transform changes samples of the source's own shape
   */
  readonly view?: ChooseView;
  /** How a worker thread makes this transform again; `defineTransform` sets it. @defaultValue none: threads cannot run it */
  readonly module?: ModuleReference;
}

/**
 * Makes the transforms that `make` returns runnable in worker threads.
 *
 * A thread imports the module and calls the exported function with the same options. A transform that is not made so
 * needs `workers: 0`.
 *
 * @param url `import.meta.url` of the module, which threads must be able to import: JavaScript, or TypeScript where Node
 *   runs it
 * @param name the name under which the module exports the result
 * @param make a transform from options that can be sent to a thread
 * @returns a function of the same options
 *
 * @example
 * const clip = defineTransform(import.meta.url, "clip", ({ max }: { max: number }) => ({
 *   name: "clip",
 *   apply: (x) => x.map((value) => Math.min(value, max)),
 * }));
 * clip({ max: 1 }).module.options; // { max: 1 }
 */
export function defineTransform<Arguments extends readonly [options?: unknown]>(
  url: string,
  name: string,
  make: (...args: Arguments) => Transform,
): (...args: Arguments) => Transform & { readonly module: ModuleReference } {
  return (...args) => ({ ...make(...args), module: referTo(url, name, args) });
}

/** The four sides of a shape `[T, H, W, C]`; `caller` opens the message of what it throws otherwise. */
export function imageShape(caller: string, shape: readonly number[]): readonly [number, number, number, number] {
  if (shape.length !== 4) {
    throw new RangeError(`${caller}: samples must have a shape [T, H, W, C], got [${shape.join(", ")}]`);
  }
  return shape as [number, number, number, number];
}

/** Throws unless `value` is an integer of at least `min`. */
export function checkInteger(caller: string, name: string, value: number, min: number): void {
  if (!(Number.isInteger(value) && value >= min)) {
    throw new RangeError(`${caller}: ${name} must be an integer of at least ${min}, got ${value}`);
  }
}
