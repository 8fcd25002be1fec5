/** @file Spikes in less memory than float32. */
import { runNative } from "./addon.js";

/** Largest value of a count. */
export const MOST_COUNT = 255;

/** An array in which a kernel returns a number of elements: its low 30 bits, then the rest. */
export const newCount = () => new Int32Array(2);
export const countOf = ([low, high]: Int32Array): number => low! + high! * 2 ** 30;

/** The values of a tensor of spikes, or of small sums of spikes. */
export class Spikes {
  #events: number | undefined;

  /**
   * @param packed bits: element i is bit `i & 31` of word `i >> 5`, and bits past the last element are 0; or counts, a
   * byte for each element
   * @param size number of elements
   * @param most upper bound of the elements: 1 for bits, more for counts
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
   * Number of events, the work of an event-driven kernel: the ones in the binary digits of all elements. Counted on first
   * use unless it was set.
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

  /** Writes the elements as float32. */
  unpack(values: Float32Array): void {
    runNative(this.kind === "bits" ? "unpackBits" : "cast", [this.size], this.packed, values);
  }
}
