import { checkSeed, permutation, random } from "./random.js";

/**
 * Random temporal delete: which `keep` of `frames` time-steps a batch trains on.
 *
 * The time-steps are drawn without replacement, all subsets equally likely, and kept in their order. All samples of a
 * batch share them.
 *
 * @param frames number of time-steps T of the data
 * @param keep number of time-steps T_train to keep, in 1..T
 * @param seed any whole number; the same arguments give the same result
 * @returns `[keep]` distinct indices in 0..T-1, ascending
 * @throws RangeError when an argument is not such a whole number
 * @see Fang et al., arXiv:2102.04159, random temporal delete
 *
 * @example
 * randomTemporalDelete(4, 4, 0); // Int32Array [0, 1, 2, 3]
 */
export function randomTemporalDelete(frames: number, keep: number, seed: number): Int32Array {
  if (!(Number.isInteger(frames) && frames > 0)) {
    throw new RangeError(`randomTemporalDelete: frames must be a whole number above 0, got ${frames}`);
  }
  if (!(Number.isInteger(keep) && keep > 0 && keep <= frames)) {
    throw new RangeError(`randomTemporalDelete: keep must be a whole number in 1..${frames}, got ${keep}`);
  }
  checkSeed("randomTemporalDelete", seed);
  return permutation(frames, random(seed)).subarray(0, keep).sort();
}
