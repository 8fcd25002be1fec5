import type { Listener } from "./events.js";
import { type EpochMetrics, scoreOf } from "./metrics.js";

/** Options of {@link earlyStopping}. */
export interface EarlyStoppingOptions {
  /** Epochs without a better accuracy after which the run ends; 1 or more. */
  readonly patience: number;
}

/**
 * Ends a run when the accuracy that chooses its best epoch (on validation data, else on test data) has not improved for
 * `patience` epochs. It depends on the metrics alone, so that a resumed run ends where the whole one does.
 *
 * @throws RangeError when patience is not a positive integer; when the run has neither validation nor test data
 *
 * @example
 * const listener = earlyStopping({ patience: 10 });
 */
export function earlyStopping({ patience }: EarlyStoppingOptions): Listener {
  if (!Number.isInteger(patience) || patience < 1) {
    throw new RangeError(`earlyStopping: patience must be an integer of at least 1, got ${patience}`);
  }
  return async function* (events) {
    for await (const event of events) {
      const over = (event.type === "start" || event.type === "epoch") && sinceBest(event.state.history) >= patience;
      yield event;
      if (over) return;
    }
  };
}

/** Epochs since the best one. */
function sinceBest(history: readonly EpochMetrics[]): number {
  let [best, index] = [Number.NEGATIVE_INFINITY, 0];
  for (const [i, metrics] of history.entries()) {
    const score = scoreOf(metrics);
    if (score === undefined) {
      throw new RangeError("earlyStopping: data must have validation or test data, got neither");
    }
    if (score > best) [best, index] = [score, i];
  }
  return history.length - 1 - index;
}
