/** @file Time folded into the batch, for layers that treat every step alike. */
import { reshape, type Tensor, type Tensor4D } from "@tensorflow/tfjs-core";

/** Throws unless `x` is `[T, N, H, W, C]`, naming the remedy for a single image batch. */
export function checkSequence(where: string, x: Tensor, channels?: number): void {
  if (x.rank !== 5) {
    const remedy = x.rank === 4 ? "; add the time axis with expandDims(x, 0)" : "";
    throw new RangeError(`${where}: x must be [T, N, H, W, C], got [${x.shape}]${remedy}`);
  }
  if (x.shape[0] === 0) throw new RangeError(`${where}: x must have at least 1 time-step, got [${x.shape}]`);
  if (x.shape[2] === 0 || x.shape[3] === 0) {
    throw new RangeError(`${where}: x must have at least 1 row and 1 column, got [${x.shape}]`);
  }
  if (channels !== undefined && x.shape[4] !== channels) {
    throw new RangeError(`${where}: x must have ${channels} channels, got ${x.shape[4]} in [${x.shape}]`);
  }
}

/** Applies `f` to `[T·N, H, W, C]` and unfolds its result to `[T, N, ...]`. */
export function foldTimeIntoBatch(x: Tensor, f: (x: Tensor4D) => Tensor): Tensor {
  const [steps, batch, ...image] = x.shape as [number, number, number, number, number];
  const y = f(reshape(x, [steps * batch, ...image]) as Tensor4D);
  return reshape(y, [steps, batch, ...y.shape.slice(1)]);
}
