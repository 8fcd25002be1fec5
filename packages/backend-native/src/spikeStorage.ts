/** Whether kernels that fire give bits (`auto`) or float32 like any other (`off`). */
export type SpikeStorage = "auto" | "off";

let storage: SpikeStorage = "auto";

/** The storage of spikes in use. */
export function spikeStorage(): SpikeStorage {
  return storage;
}

/**
 * Makes spikes be stored as bits and small counts wherever kernels know them (`auto`, from the start), or as float32
 * (`off`), as the environment variable `SEW_SPIKES` does. Tensors that exist stay as they are. It changes no result, not
 * by a bit.
 *
 * @throws RangeError when storage is neither
 */
export function setSpikeStorage(wanted: SpikeStorage): void {
  if (wanted !== "auto" && wanted !== "off") {
    throw new RangeError(`setSpikeStorage: storage must be auto or off, got ${wanted}`);
  }
  storage = wanted;
}
