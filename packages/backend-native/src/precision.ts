/** What the dense products of convolutions and their gradients are made of. */
export type Precision = "float32" | "bf16";

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
 * Convolutions of stored spikes have no products, and are the same. So is everything on a processor without AVX512-BF16.
 *
 * @throws RangeError when precision is neither
 */
export function setPrecision(wanted: Precision): void {
  if (wanted !== "float32" && wanted !== "bf16") {
    throw new RangeError(`setPrecision: precision must be float32 or bf16, got ${wanted}`);
  }
  current = wanted;
}
