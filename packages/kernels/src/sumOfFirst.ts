import { concat, reshape, slice, sum, type Tensor1D, tidy } from "@tensorflow/tfjs-core";
import { type FusedListKernel, type FusedOp, fusedOp } from "./fusedOp.js";

/** Attributes of {@link sumOfFirstKernel}. */
export interface SumOfFirstAttrs {
  /** Values of a tensor that are read at most. */
  readonly most: number;
}

/** Values up to which tensors are copied together and summed by one operation. */
const SMALL = 4096;

/**
 * `[1]`, the sum of the first `most` values of each tensor, in any order and precision: it tells whether all are finite.
 *
 * Inputs: tensors of at least 1 value.
 */
export const sumOfFirstKernel: FusedListKernel<SumOfFirstAttrs> = {
  name: "SumOfFirst",
  composed: (tensors, { most }) => [
    tidy(() => {
      const flat = tensors.map((tensor) => {
        const values = (tensor.rank === 1 ? tensor : reshape(tensor, [-1])) as Tensor1D;
        return values.size > most ? slice(values, 0, most) : values;
      });
      const small = flat.filter(({ size }) => size <= SMALL);
      const large = flat.filter(({ size }) => size > SMALL);
      const parts = small.length === 0 ? large : [concat(small), ...large];
      return sum(concat(parts.map((part) => sum(part, 0, true))), 0, true);
    }),
  ],
};

/** The operation of {@link sumOfFirstKernel}. */
export const sumOfFirst: FusedOp<typeof sumOfFirstKernel> = fusedOp(sumOfFirstKernel);
