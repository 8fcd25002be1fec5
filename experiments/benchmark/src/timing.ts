/** @file How a figure is taken. */

/** Seconds of each of `runs` calls, after `warmUp` calls that do not count; `f` is told how many calls came before. */
export async function time(f: (call: number) => unknown, runs: number, warmUp = 2): Promise<number[]> {
  const seconds: number[] = [];
  for (let call = 0; call < warmUp + runs; call++) {
    const start = performance.now();
    await f(call);
    if (call >= warmUp) seconds.push((performance.now() - start) / 1000);
  }
  return seconds;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
