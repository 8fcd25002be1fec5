/** @file What training asks of data: typed arrays, batch by batch. */
import { type Tensor, type Tensor1D, tensor, tensor1d } from "@tensorflow/tfjs-core";

/** A batch of labelled sequences. */
export interface Batch {
  /** The values of x, row by row. */
  readonly x: Float32Array;
  /** The shape of x: time first, then the batch, such as `[T, N, H, W, C]`. */
  readonly shape: readonly number[];
  /** The class of each of the N sequences, counted from 0. */
  readonly labels: Int32Array;
}

/** Where batches come from. A run is repeatable when equal arguments give equal batches. */
export interface Data {
  /** The batches of an epoch (counted from 0), from batch `startBatch` on; none when there are no more. */
  train(epoch: number, startBatch: number): AsyncIterable<Batch>;
  /** The batches that test the model after each epoch. */
  test(): AsyncIterable<Batch>;
  /** How many batches an epoch has, for the time left; unknown unless given. */
  readonly trainBatches?: number;
  /** How many batches a test has. */
  readonly testBatches?: number;
}

/** The tensors of a batch: x as it is shaped, labels int32 `[N]`. Throws when its parts disagree. */
export function toTensors(where: string, { x, shape, labels }: Batch): { x: Tensor; labels: Tensor1D } {
  const size = shape.reduce((a, b) => a * b, 1);
  if (size !== x.length) {
    throw new RangeError(`${where}: x must have ${size} values for its shape [${shape}], got ${x.length}`);
  }
  if (shape[1] !== labels.length) {
    throw new RangeError(`${where}: labels must have one value for each of N = ${shape[1]}, got ${labels.length}`);
  }
  return { x: tensor(x, [...shape]), labels: tensor1d(labels, "int32") };
}

/** Throws unless the model's output is `[T, N, classes]` and every label is one of its classes. */
export function checkOutput(where: string, { shape }: Tensor, labels: Int32Array): void {
  const [, batch, classes] = shape as [number, number, number];
  if (shape.length !== 3 || batch !== labels.length) {
    throw new RangeError(`${where}: the model's output must be [T, ${labels.length}, classes], got [${shape}]`);
  }
  const wrong = labels.find((label) => label < 0 || label >= classes);
  if (wrong !== undefined) {
    throw new RangeError(`${where}: labels must be from 0 to ${classes - 1} for [${shape}], got ${wrong}`);
  }
}
