/** Whether kernels that fire store spikes as bits (`auto`) or as float32 (`off`). */
export type SpikeStorage = "auto" | "off";

let current: SpikeStorage = "auto";

/** The setting in use. */
export function spikeStorage(): SpikeStorage {
  return current;
}

/**
 * Sets whether spikes are stored as bits and small counts wherever kernels support it, or as float32. The environment
 * variable `SEW_SPIKES` sets it at the start. Existing tensors stay as they are.
 *
 * The stored values are the same, and so are all results but those of convolutions: of spikes that are stored as such they
 * are event-driven, which adds in another order and so rounds otherwise. With `setSpikeConvolution("off")` results are the
 * same bits either way.
 *
 * @param storage `auto` or `off`. @defaultValue "auto"
 * @throws RangeError when storage is neither
 *
 * @example
 * setSpikeStorage("off");
 * spikeStorage(); // "off"
 */
export function setSpikeStorage(storage: SpikeStorage): void {
  if (storage !== "auto" && storage !== "off") {
    throw new RangeError(`setSpikeStorage: storage must be auto or off, got ${storage}`);
  }
  current = storage;
}
