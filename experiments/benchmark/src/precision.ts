/** @file The precision that figures are labelled with. */
import { hasBfloat16, instructionSet, type Precision, setPrecision } from "@sew/backend-native";

/**
 * Sets the precision of dense products.
 *
 * @param remedy ends the error
 * @throws Error when the instruction set in use has no bfloat16: it would compute float32 under the label bf16
 */
export function usePrecision(precision: Precision, remedy: string): void {
  if (precision === "bf16" && !hasBfloat16()) {
    throw new Error(
      `precision: bf16 must have an instruction set with AVX512-BF16 or AMX, got ${instructionSet()}; ${remedy}`,
    );
  }
  setPrecision(precision);
}
