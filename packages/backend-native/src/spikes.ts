/** @file Spikes in less memory than float32. */
import { runNative } from "./addon.js";

/** The most that a count holds. */
export const MOST_COUNT = 255;

/** Where a kernel writes a number of elements: low 30 bits, and the rest. */
export const newCount = () => new Int32Array(2);
export const countOf = ([low, high]: Int32Array): number => low! + high! * 2 ** 30;

/** The values of a tensor of spikes, or of small sums of them. */
export class Spikes {
  #count: number | undefined;

  /**
   * @param packed bits: element i is bit `i & 31` of word `i >> 5`, and bits past the last element are 0; or counts, a
   * byte for each element
   * @param size how many elements
   * @param most no element is larger; 1 for bits, more for counts
   */
  constructor(
    readonly packed: Int32Array | Uint8Array,
    readonly size: number,
    readonly most: number,
  ) {}

  get kind(): "bits" | "counts" {
    return this.packed instanceof Int32Array ? "bits" : "counts";
  }

  /** How many elements are not 0: counted on first use, unless the kernel that made them has. */
  get count(): number {
    if (this.#count === undefined) {
      const count = newCount();
      runNative("countSpikes", [this.size], this.packed, count);
      this.#count = countOf(count);
    }
    return this.#count;
  }

  set count(count: number) {
    this.#count = count;
  }

  /** Writes them as float32. */
  unpack(values: Float32Array): void {
    runNative(this.kind === "bits" ? "unpackBits" : "cast", [this.size], this.packed, values);
  }
}
