/**
 * @file Masked parallel spiking neuron.
 *
 * W. Fang et al., "Parallel Spiking Neurons with High Efficiency and Ability to Learn Long-term Dependencies", NeurIPS 2023,
 * Eqs. 10 to 12.
 */
import { shown } from "@sew/kernels";
import { add, mul, slice, sub, Tensor, type Tensor2D, tensor2d } from "@tensorflow/tfjs-core";
import { checkCount } from "./check.js";
import type { Parameter } from "./neuron.js";
import type { ParallelNeuronModel } from "./parallelNeuron.js";
import { type PsnParams, uniformRows } from "./psn.js";

/** Parameters of {@link maskedPsn}. */
export interface MaskedPsnParams extends PsnParams {
  /** k, the time-steps that one depends on, its own included; 1 or more. @defaultValue 2 */
  readonly order: number;
  /**
   * λ, how much of the mask counts, from 0, that of PSN, to 1. The paper raises it during training: pass a scalar variable and
   * assign to it. @defaultValue 1
   */
  readonly lambda: Parameter;
}

/**
 * The masked PSN model: `H = (W ∘ (λ M + 1 − λ)) X + B`, where `M[t, j]` is 1 for t − k < j ≤ t and 0 elsewhere.
 *
 * At λ = 1 no step depends on a later one: a sequence of up to T steps may come in pieces. At the start W and B are those of PSN.
 *
 * @example
 * const weights = { weight: tensor2d([[1, 9], [0.5, 1]]), bias: tensor2d([[-1], [-1]]) };
 * parallelNeuron(maskedPsn, { steps: 2 })(tensor2d([[0.8], [0.7]]), weights).spikes.arraySync(); // [[0], [1]]
 *
 * @throws RangeError when `steps` or `order` is not an integer of at least 1, or `lambda` not from 0 to 1
 */
export const maskedPsn: ParallelNeuronModel<MaskedPsnParams> = {
  name: "maskedPsn",
  defaults: { order: 2, lambda: 1 },
  steps: ({ steps }) => steps,
  initial: ({ steps }, uniform) => uniformRows(steps, uniform),
  rows(weight, { order, lambda }, before, steps) {
    const all = before + steps;
    const band = Array.from({ length: steps }, (_, t) =>
      Array.from({ length: all }, (_, j) => (j <= before + t && j > before + t - order ? 1 : 0)),
    );
    const mask = add(mul(lambda, tensor2d(band, [steps, all])), sub(1, lambda));
    return mul(slice(weight, [before, 0], [steps, all]), mask) as Tensor2D;
  },
  causal: ({ steps, lambda }) => steps === 1 || (lambda instanceof Tensor ? lambda.dataSync()[0] : lambda) === 1,
  check({ steps, order, lambda }) {
    checkCount("maskedPsn", "steps", steps, "; pass the T of the sequences");
    checkCount("maskedPsn", "order", order);
    if (lambda instanceof Tensor ? lambda.size !== 1 : !(lambda >= 0 && lambda <= 1)) {
      throw new RangeError(`maskedPsn: lambda must be a number from 0 to 1 or a scalar, got ${shown(lambda)}`);
    }
  },
};
