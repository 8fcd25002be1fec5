import { hasBfloat16 } from "./addon.js";

/** Precisions of the products in dense convolutions and their gradients, and of the outputs of event-driven ones. */
export const precisions = ["float32", "bf16"] as const;
/** One of {@link precisions}. */
export type Precision = (typeof precisions)[number];

let current: Precision = "float32";

/** The precision that was set. */
export function precision(): Precision {
  return current;
}

/** The precision in which dense products are computed: that which was set, where the instruction set in use has it. */
export function productPrecision(): Precision {
  return current === "bf16" && hasBfloat16() ? "bf16" : "float32";
}

/**
 * Sets the precision of convolutions: float32, or bfloat16 (`bf16`) as in mixed precision training. The environment variable
 * `SEW_PRECISION` sets it at the start.
 *
 * With `bf16`, dense convolutions and their gradients round inputs and weights to bfloat16, which has 8 bits of precision;
 * sums, weights and all gradients stay float32. Event-driven convolutions of spikes have no products: they round their output
 * once, to store it in half the memory, and fewer convolutions are event-driven. bfloat16 has the exponent range of float32,
 * so no loss scaling is needed. On a processor without AVX512-BF16 and AMX nothing changes, see {@link hasBfloat16}. With AMX
 * convolutions of spikes have products, of which bfloat16 takes one instead of three.
 *
 * @param precision one of {@link precisions}. @defaultValue "float32"
 * @throws RangeError when precision is neither
 *
 * @example
 * setPrecision("bf16");
 * precision(); // "bf16"
 */
export function setPrecision(precision: Precision): void {
  if (!precisions.includes(precision)) {
    throw new RangeError(`setPrecision: precision must be ${precisions.join(" or ")}, got ${precision}`);
  }
  current = precision;
}
