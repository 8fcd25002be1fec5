/**
 * Whether convolutions of stored spikes are event-driven, with work in proportion to the spikes: up to the break-even
 * density (`auto`), wherever there is a kernel for it (`on`), or never, like convolutions of other numbers (`off`).
 */
export type SpikeConvolution = "auto" | "on" | "off";

let current: SpikeConvolution = "auto";

/** The setting in use. */
export function spikeConvolution(): SpikeConvolution {
  return current;
}

/**
 * Sets whether convolutions of tensors that are stored as spikes are event-driven: up to a density (see
 * {@link setBreakEvens}), always, or never. The environment variable `SEW_SPIKE_CONVOLUTION` sets it at the start.
 * Event-driven kernels add in another order, so results differ by float32 rounding.
 *
 * @param convolution `auto`, `on` or `off`. @defaultValue "auto"
 * @throws RangeError when convolution is none of these
 *
 * @example
 * setSpikeConvolution("off");
 * spikeConvolution(); // "off"
 */
export function setSpikeConvolution(convolution: SpikeConvolution): void {
  if (convolution !== "auto" && convolution !== "on" && convolution !== "off") {
    throw new RangeError(`setSpikeConvolution: convolution must be auto, on or off, got ${convolution}`);
  }
  current = convolution;
}
