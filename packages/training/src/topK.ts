/**
 * How many of N samples have their label among the k highest scores.
 *
 * Of equal scores the lower class ranks first, as in `tf.topk`. NaN ranks first and never belongs to a label that
 * counts, so a row with a NaN counts for no k below the number of classes.
 *
 * @param scores `[N, classes]`, row by row
 * @param labels `[N]`, counted from 0
 * @param k from 1 to classes
 * @throws RangeError when k is out of range or the lengths do not fit
 *
 * @example
 * topK(Float32Array.of(0.1, 0.9, 0.8, 0.2), Int32Array.of(1, 1), 1); // 1
 */
export function topK(scores: Float32Array, labels: Int32Array, k: number): number {
  const classes = classesOf("topK", scores, labels);
  if (!Number.isInteger(k) || k < 1 || (labels.length > 0 && k > classes)) {
    throw new RangeError(`topK: k must be an integer from 1 to the number of classes, ${classes}, got ${k}`);
  }
  let count = 0;
  for (const [n, label] of labels.entries()) {
    const row = scores.subarray(n * classes, (n + 1) * classes);
    const score = row[label]!;
    let rank = 0;
    for (const [j, other] of row.entries()) {
      if (j !== label && !(other < score) && (other !== score || j < label)) rank++;
    }
    if (rank < k) count++;
  }
  return count;
}

/** How many scores each label has. Throws when there is no such number, or a label is not below it. */
export function classesOf(where: string, scores: Float32Array, labels: Int32Array): number {
  const classes = labels.length === 0 ? 0 : scores.length / labels.length;
  if (!Number.isInteger(classes) || (labels.length === 0 && scores.length > 0)) {
    throw new RangeError(
      `${where}: scores must be [N, classes] for ${labels.length} labels, got ${scores.length} values`,
    );
  }
  const wrong = labels.find((label) => !(Number.isInteger(label) && label >= 0 && label < classes));
  if (wrong !== undefined) {
    throw new RangeError(`${where}: labels must be from 0 to ${classes - 1}, got ${wrong}`);
  }
  return classes;
}
