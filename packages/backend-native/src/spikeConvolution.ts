/** Whether convolutions of stored spikes cost what the spikes cost (`auto`), or are dense like any other (`off`). */
export type SpikeConvolution = "auto" | "off";

let convolution: SpikeConvolution = "auto";

/** The convolution of spikes in use. */
export function spikeConvolution(): SpikeConvolution {
  return convolution;
}

/**
 * Makes convolutions of tensors that are stored as spikes event-driven wherever there is a kernel for it (`auto`, from the
 * start), or dense (`off`), as the environment variable `SEW_SPIKE_CONVOLUTION` does. Sums are then taken in another
 * order: results differ by float32 rounding.
 *
 * @throws RangeError when convolution is neither
 */
export function setSpikeConvolution(wanted: SpikeConvolution): void {
  if (wanted !== "auto" && wanted !== "off") {
    throw new RangeError(`setSpikeConvolution: convolution must be auto or off, got ${wanted}`);
  }
  convolution = wanted;
}
