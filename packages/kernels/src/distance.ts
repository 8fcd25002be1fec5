/**
 * How many letters must be changed, added or left out to make `b` of `a`.
 * Not a library's: what runs in browsers imports TensorFlow.js alone, so that a page needs no bundler.
 *
 * @internal
 */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      next.push(Math.min(row[j]! + (a[i] === b[j] ? 0 : 1), row[j + 1]! + 1, next[j]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}
