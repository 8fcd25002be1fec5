/** @file Splits of data sets that were published without one. */
import type { Sample, Split } from "../eventDataset.js";

/**
 * The split of the paper's code (SpikingJelly's `split_to_train_test_set(0.9, set, classes)`): of each class, the first
 * `ceil(0.9 n)` samples in their order are the train split, the rest the test split.
 *
 * @param samples of all classes, in the order of the class
 */
export function splitByClass<S extends Sample>(samples: readonly S[], split: Split): S[] {
  const counts = new Map<number, number>();
  for (const { label } of samples) counts.set(label, (counts.get(label) ?? 0) + 1);
  const seen = new Map<number, number>();
  return samples.filter(({ label }) => {
    const place = seen.get(label) ?? 0;
    seen.set(label, place + 1);
    return place < Math.ceil(0.9 * counts.get(label)!) === (split === "train");
  });
}
