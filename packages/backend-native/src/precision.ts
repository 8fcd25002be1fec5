/** What the dense products of convolutions and their gradients may be made of. */
export const precisions = ["float32", "bf16"] as const;
/** One of {@link precisions}. */
export type Precision = (typeof precisions)[number];

let current: Precision = "float32";

/** The precision in use. */
export function precision(): Precision {
  return current;
}

/**
 * Makes the dense products of convolutions and their gradients in bfloat16 (`bf16`), as the paper's mixed precision does
 * in float16, or in float32 (from the start), as the environment variable `SEW_PRECISION` does.
 *
 * Inputs and weights are rounded to bfloat16 inside the kernels, to 8 bits of precision; sums, tensors and weights stay
 * float32. bfloat16 has float32's exponents: no gradient underflows that would not anyway, and no loss needs scaling.
 * Event-driven convolutions of spikes have no products, and are the same, but only less dense spikes are convolved by
 * events. On a processor without AVX512-BF16 everything is the same, see {@link hasBfloat16}.
 *
 * @throws RangeError when precision is neither
 *
 * @example
 * setPrecision("bf16");
 * precision(); // "bf16"
 */
export function setPrecision(wanted: Precision): void {
  if (!precisions.includes(wanted)) {
    throw new RangeError(`setPrecision: precision must be ${precisions.join(" or ")}, got ${wanted}`);
  }
  current = wanted;
}
