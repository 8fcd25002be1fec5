/** @file The data that training and evaluation read: typed arrays, batch by batch. */
import { hasKernel, printable, shown, sumOfFirstKernel } from "@sew/kernels";
import { type Tensor, type Tensor1D, tensor, tensor1d, tidy } from "@tensorflow/tfjs-core";
import { sumOfAll } from "./finite.js";

/** A batch of labelled sequences. */
export interface Batch {
  /** The values of x, row by row; all finite. */
  readonly x: Float32Array;
  /** The shape of x: time first, then the batch, such as `[T, N, H, W, C]`. */
  readonly shape: readonly number[];
  /** The class of each of the N sequences, counted from 0. */
  readonly labels: Int32Array;
  /** Names of the N sequences, for error messages. @defaultValue none */
  readonly names?: readonly string[] | undefined;
}

/** Which part of which pass. */
export interface EpochOptions {
  /** Number of the pass, from 0. @defaultValue 0 */
  readonly epoch?: number;
  /** Batches to skip. @defaultValue 0 */
  readonly start?: number;
}

/** Where batches come from, such as a loader of `@sew/datasets`. */
export interface BatchSource {
  /** The batches of a pass. A run is repeatable when equal options give equal batches. */
  epoch(options?: EpochOptions): AsyncIterable<Batch>;
  /** Batches of a pass, for schedules and the time left. @defaultValue unknown */
  readonly batchesPerEpoch?: number | undefined;
  /** Identifies the data: a run resumes on data with the same fingerprint alone. @defaultValue not checked */
  readonly fingerprint?: string | undefined;
  /** Names of the classes, in the order of the labels. @defaultValue none */
  readonly classes?: readonly string[] | undefined;
}

/** The data of a run. */
export interface Data {
  readonly train: BatchSource;
  /** Chooses the best epoch. @defaultValue none: `test` chooses it */
  readonly validation?: BatchSource | undefined;
  /** Evaluated after each epoch. @defaultValue none */
  readonly test?: BatchSource | undefined;
}

/** Throws unless all data have the same classes in the same order: the same label must mean the same. */
export function checkClasses(caller: string, { train, validation, test }: Data): void {
  for (const [name, source] of Object.entries({ validation, test })) {
    if (source?.classes === undefined || train.classes === undefined) continue;
    for (let label = 0; label < Math.max(source.classes.length, train.classes.length); label++) {
      if (source.classes[label] === train.classes[label]) continue;
      throw new RangeError(
        `${caller}: data.${name} must have the classes of data.train, got ${shown(source.classes[label])} instead of ` +
          `${shown(train.classes[label])} for label ${label}`,
      );
    }
  }
}

/** What chooses the best epoch of a run: its top-1 on validation or test data, or being the last one. */
export type Selection = "validation" | "test" | "last";

/** What chooses the best epoch on these data. */
export function selectionOf({ validation, test }: Data): Selection {
  if (validation !== undefined) return "validation";
  return test === undefined ? "last" : "test";
}

/**
 * The tensors of a batch: x as it is shaped, labels int32 `[N]`. Throws when its parts disagree, it is empty, or x is not
 * finite.
 *
 * A spiking neuron does not fire on NaN, so that the loss of such a batch is finite while its gradients are not.
 *
 * @param place where the batch is, for errors
 */
export function toTensors(caller: string, batch: Batch, place = ""): { x: Tensor; labels: Tensor1D } {
  const { x, shape, labels, names } = batch;
  const inBatch = place && ` in the batch${place}`;
  if (shape.length < 2 || !shape.every((n) => Number.isInteger(n) && n > 0)) {
    throw new RangeError(`${caller}: shape must be [T, N, ...] of integers of at least 1, got [${shape}]${inBatch}`);
  }
  const size = shape.reduce((a, b) => a * b, 1);
  if (size !== x.length) {
    throw new RangeError(`${caller}: x must have ${size} values for its shape [${shape}], got ${x.length}${inBatch}`);
  }
  if (shape[1] !== labels.length) {
    throw new RangeError(
      `${caller}: labels must have one value for each of N = ${shape[1]}, got ${labels.length}${inBatch}`,
    );
  }
  const frames = tensor(x, [...shape]);
  if (!areFinite(frames, x)) {
    frames.dispose();
    const wrong = x.findIndex((value) => !Number.isFinite(value));
    const perSample = size / shape[0]! / shape[1]!;
    const sample = Math.floor(wrong / perSample) % shape[1]!;
    const name = names?.[sample] === undefined ? "" : ` (${printable(names[sample])})`;
    throw new RangeError(
      `${caller}: x must be finite, got ${x[wrong]} in sample ${sample}${name} of the batch${place}; repair or remove ` +
        "that sample of the data",
    );
  }
  return { x: frames, labels: tensor1d(labels, "int32") };
}

/** Whether all values are finite, as a kernel finds in less time where there is one. Where the sum is not finite, they may be. */
function areFinite(frames: Tensor, x: Float32Array): boolean {
  if (!hasKernel(sumOfFirstKernel, { most: Infinity })) return allFinite(x);
  const [sum] = tidy(() => sumOfAll([frames]).dataSync());
  return Number.isFinite(sum) || allFinite(x);
}

/** Whether all values are finite: 0 times a value is 0 then, and NaN otherwise. */
function allFinite(x: Float32Array): boolean {
  let zero = 0;
  const whole = x.length - (x.length % 4);
  for (let i = 0; i < whole; i += 4) zero += (x[i]! + x[i + 1]! + x[i + 2]! + x[i + 3]!) * 0;
  for (let i = whole; i < x.length; i++) zero += x[i]! * 0;
  return zero === 0;
}

/** Where a batch is, and the names of its data's classes. */
interface OutputOptions {
  /** For the error of a label. @defaultValue nothing */
  readonly place?: string;
  /** Names of the classes, to compare with the output. @defaultValue not compared */
  readonly classes?: readonly string[] | undefined;
}

/** Throws unless the model's output is `[T, N, classes]`, of the data's classes, and every label is one of them. */
export function checkOutput(
  caller: string,
  { shape }: Tensor,
  labels: Int32Array,
  { place = "", classes: names }: OutputOptions = {},
): void {
  const [, batch, classes] = shape as [number, number, number];
  if (shape.length !== 3 || batch !== labels.length) {
    throw new RangeError(`${caller}: the model's output must be [T, ${labels.length}, classes], got [${shape}]`);
  }
  if (names !== undefined && names.length !== classes) {
    throw new RangeError(
      `${caller}: the model's output must have one score for each of the data's ${names.length} classes, got [${shape}]`,
    );
  }
  const wrong = labels.find((label) => !(Number.isInteger(label) && label >= 0 && label < classes));
  if (wrong !== undefined) {
    throw new RangeError(
      `${caller}: labels must be from 0 to ${classes - 1} for [${shape}], got ${wrong}${place && ` in the batch${place}`}`,
    );
  }
}
