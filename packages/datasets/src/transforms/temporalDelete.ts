import { permutation } from "@sew/random";
import { checkInteger, defineTransform, type Transform } from "./transform.js";

/** How many time-steps {@link temporalDelete} keeps. */
export interface TemporalDeleteOptions {
  /** Number of time-steps to keep, T_train of the paper: from 1 to T. */
  readonly keep: number;
}

/**
 * Random temporal delete: `[T, ...]` becomes `[keep, ...]`, time-steps drawn without replacement.
 *
 * All subsets of `keep` time-steps are equally likely, and those kept stay in order. All samples of a batch keep the same
 * ones.
 *
 * @throws RangeError when `keep` is not an integer in 1..T
 * @see Fang et al., arXiv:2102.04159, random temporal delete
 *
 * @example
 * temporalDelete({ keep: 12 }).shapeOf?.([16, 128, 128, 2]); // [12, 128, 128, 2]
 */
export const temporalDelete: (options: TemporalDeleteOptions) => Transform = defineTransform(
  import.meta.url,
  "temporalDelete",
  ({ keep }: TemporalDeleteOptions) => {
    checkInteger("temporalDelete", "keep", keep, 1);
    return {
      name: "temporalDelete",
      randomness: "batch",
      shapeOf([T = 0, ...frame]) {
        if (keep > T) {
          throw new RangeError(`temporalDelete: keep must be at most the ${T} time-steps of a sample, got ${keep}`);
        }
        return [keep, ...frame];
      },
      apply(x, [T = 0], random) {
        if (keep === T) return x;
        const size = x.length / T;
        const out = new Float32Array(keep * size);
        const steps = permutation(T, random).subarray(0, keep).sort();
        steps.forEach((step, t) => {
          out.set(x.subarray(step * size, (step + 1) * size), t * size);
        });
        return out;
      },
    };
  },
);
