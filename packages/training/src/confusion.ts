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
  for (const [n, label] of labels.entries()) {
    const row = scores.subarray(n * classes, (n + 1) * classes);
    if (row.some(Number.isNaN)) throw new RangeError(`confusion: scores must be numbers, got NaN for sample ${n}`);
    sum[label]![row.indexOf(Math.max(...row))]!++;
  }
  return sum;
}
