/** @file How a figure is taken. */

/** Calls before those that count: caches and buffers are then what they stay. */
export const WARM_UP = 3;

/**
 * Seconds of each of `runs` calls, after those that warm up; `f` receives the number of calls before, and `begin` is called
 * when the first of those that count is next.
 */
export async function time(f: (call: number) => unknown, runs: number, begin = () => {}): Promise<number[]> {
  const seconds: number[] = [];
  for (let call = 0; call < WARM_UP + runs; call++) {
    if (call === WARM_UP) begin();
    const start = performance.now();
    await f(call);
    if (call >= WARM_UP) seconds.push((performance.now() - start) / 1000);
  }
  return seconds;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
