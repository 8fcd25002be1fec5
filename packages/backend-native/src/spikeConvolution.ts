/**
 * Whether convolutions of stored spikes are event-driven, their work in proportion to the spikes: where that is quicker
 * (`auto`), wherever there is a kernel for it (`on`), or nowhere (`off`).
 */
export type SpikeConvolution = "auto" | "on" | "off";

let convolution: SpikeConvolution = "auto";

/** The convolution of spikes in use. */
export function spikeConvolution(): SpikeConvolution {
  return convolution;
}

/**
 * Makes convolutions of tensors that are stored as spikes event-driven up to a density (`auto`, from the start; see
 * {@link setBreakEvens}), always (`on`) or never (`off`), as the environment variable `SEW_SPIKE_CONVOLUTION` does.
 * Event-driven sums are taken in another order: results differ by float32 rounding.
 *
 * @throws RangeError when convolution is none of these
 */
export function setSpikeConvolution(wanted: SpikeConvolution): void {
  if (wanted !== "auto" && wanted !== "on" && wanted !== "off") {
    throw new RangeError(`setSpikeConvolution: convolution must be auto, on or off, got ${wanted}`);
  }
  convolution = wanted;
}
