import type { EpochRecord } from "../epochRecord.js";

/** The epoch of the highest accuracy, and the data that it was measured on. */
export interface BestEpoch {
  readonly on: "validation" | "test";
  /** The accuracy, from 0 to 1. */
  readonly top1: number;
  readonly record: EpochRecord;
}

/**
 * The first epoch of the highest accuracy on the validation data, on the test data where there are no validation data;
 * none where there are neither, or no accuracy is a number.
 */
export function bestEpoch(history: readonly EpochRecord[]): BestEpoch | undefined {
  const on = selectionData(history);
  if (on === undefined) return undefined;
  let best: BestEpoch | undefined;
  for (const record of history) {
    const top1 = record[`${on}Top1`] ?? Number.NaN;
    if (top1 > (best?.top1 ?? Number.NEGATIVE_INFINITY)) best = { on, top1, record };
  }
  return best;
}

/** The data that the best epoch is chosen on. */
export function selectionData(history: readonly EpochRecord[]): BestEpoch["on"] | undefined {
  if (history.some(({ validationTop1 }) => validationTop1 !== undefined)) return "validation";
  return history.some(({ testTop1 }) => testTop1 !== undefined) ? "test" : undefined;
}
