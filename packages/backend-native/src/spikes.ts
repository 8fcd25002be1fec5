/** @file Spikes in less memory than float32. */
import { runNative } from "./addon.js";

/** The most that a count holds. */
export const MOST_COUNT = 255;

/** Where a kernel writes a number of elements: low 30 bits, and the rest. */
export const newCount = () => new Int32Array(2);
export const countOf = ([low, high]: Int32Array): number => low! + high! * 2 ** 30;

/** The values of a tensor of spikes, or of small sums of them. */
export class Spikes {
  #events: number | undefined;

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

  /**
   * What an event-driven kernel works through: the ones in the elements' binary digits, of which bits have one.
   * Counted on first use, unless the kernel that made them has.
   */
  get events(): number {
    if (this.#events === undefined) {
      const count = newCount();
      runNative("countSpikes", [this.size], this.packed, count);
      this.#events = countOf(count);
    }
    return this.#events;
  }

  set events(events: number) {
    this.#events = events;
  }

  /** Writes them as float32. */
  unpack(values: Float32Array): void {
    runNative(this.kind === "bits" ? "unpackBits" : "cast", [this.size], this.packed, values);
  }
}
