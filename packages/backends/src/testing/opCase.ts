import type { Tensor } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";

/** Values of a float32 tensor, before they are on a backend. */
export interface Numbers {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** A pure function of tensors that must give the same on a backend as on `cpu`. */
export interface OpCase {
  readonly name: string;
  /** The fused kernel that it runs where the backend has it; on other backends the case is skipped. @defaultValue none */
  readonly kernel?: string;
  /** Draws its arguments. Let the function be continuous there: rounding differs between backends. */
  readonly inputs: fc.Arbitrary<readonly Numbers[]>;
  /** Returns float32 tensors. */
  readonly f: (...inputs: Tensor[]) => Tensor | readonly Tensor[];
  /** Whether gradients are compared, too. @defaultValue true */
  readonly differentiable?: boolean;
}

/** Numbers of a shape, multiples of 1/8 between `min` and `max`. @defaultValue -3 and 3 */
export function numbers(shape: readonly number[], min = -3, max = 3): fc.Arbitrary<Numbers> {
  const size = shape.reduce((a, b) => a * b, 1);
  const eighths = fc.integer({ min: Math.ceil(min * 8), max: Math.floor(max * 8) });
  // Smaller numbers would not make a failure easier to read.
  return fc
    .noShrink(fc.array(eighths, { minLength: size, maxLength: size }))
    .map((drawn) => ({ shape, values: drawn.map((eighth) => eighth / 8) }));
}
