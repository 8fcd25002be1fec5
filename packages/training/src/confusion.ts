import { classesOf } from "./topK.js";

/**
 * How often each class was taken for each: `counts[label][predicted]`, where the prediction is the highest score.
 *
 * Of equal scores the lower class is predicted, so that the diagonal sums to `topK(scores, labels, 1)`.
 *
 * @param scores `[N, classes]`, row by row
 * @param labels `[N]`, counted from 0
 * @param counts of earlier samples, to which these are added. @defaultValue none
 * @throws RangeError when a score is NaN or the lengths do not fit
 *
 * @example
 * confusion(Float32Array.of(0.1, 0.9, 0.8, 0.2), Int32Array.of(1, 1)); // [[0, 0], [1, 1]]
 */
export function confusion(scores: Float32Array, labels: Int32Array, counts?: number[][]): number[][] {
  const classes = classesOf("confusion", scores, labels);
  const sum = counts ?? Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const predicted = predictions(scores, labels.length);
  for (const [n, label] of labels.entries()) sum[label]![predicted[n]!]!++;
  return sum;
}

/** The class of the highest of the scores `[N, classes]` of each sample, the lower one of equals. Throws on NaN. */
export function predictions(scores: Float32Array, samples: number): number[] {
  const classes = scores.length / samples;
  return Array.from({ length: samples }, (_, n) => {
    const row = scores.subarray(n * classes, (n + 1) * classes);
    if (row.some(Number.isNaN)) throw new RangeError(`confusion: scores must be numbers, got NaN for sample ${n}`);
    return highest(row);
  });
}

/** The index of the highest value, the lower one of equals. */
export function highest(values: Float32Array | Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
