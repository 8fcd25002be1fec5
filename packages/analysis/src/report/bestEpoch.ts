import type { EpochRecord } from "../reportData.js";

/** Where the accuracy on the test data is highest: the first of equals, -1 where there is none. */
export function bestEpoch(history: readonly EpochRecord[]): number {
  return history.reduce(
    (best, { testTop1 = Number.NaN }, i) =>
      testTop1 > (history[best]?.testTop1 ?? Number.NEGATIVE_INFINITY) ? i : best,
    -1,
  );
}
