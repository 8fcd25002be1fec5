import { add, matMul, reshape, type Tensor, type Tensor2D } from "@tensorflow/tfjs-core";
import { type FusedListKernel, type FusedOp, fusedOp } from "./fusedOp.js";
import type { NeuronFormula } from "./neuronFormula.js";

/** Attributes of {@link parallelNeuronKernel}: S = Θ(H) as a neuron without state, whose `program` fused kernels run. */
export type ParallelNeuronAttrs = NeuronFormula;

/**
 * Neurons without recurrence over a whole sequence: `H = W X + B`, `S = Θ(H)`.
 *
 * Inputs: currents `x` `[T', ..., C]`; the rows of W `[T, T']`; B `[T, 1]`. Output: spikes `[T, ..., C]`. Its gradient
 * `ParallelNeuronGrad` receives these inputs and the gradient of the spikes, and returns those of all inputs.
 */
export const parallelNeuronKernel: FusedListKernel<ParallelNeuronAttrs> = {
  name: "ParallelNeuron",
  accepts: ({ program }) => program !== undefined,
  composed: ([x, rows, bias], { step }) => [step({}, charged(x!, rows!, bias!)).spikes],
  gradient: {
    name: "ParallelNeuronGrad",
    inputs: (saved, [dSpikes]) => [...saved, dSpikes!],
  },
};

/**
 * The operation of {@link parallelNeuronKernel}.
 *
 * @example
 * const step = (u: Tensor) => cast(greaterEqual(u, 0), "float32");
 * const fire = (_: object, h: Tensor) => ({ spikes: withSlope(step, onesLike)(h), state: {} });
 * const formula = neuronFormula({ name: "fire", params: {}, state: () => ({}), step: fire });
 * const [x, rows, bias] = [tensor2d([[0.75], [0.5]]), tensor2d([[1, 0], [0.5, 1]]), tensor2d([[-1], [-0.875]])];
 * parallelNeuron([x, rows, bias], formula)[0].arraySync(); // [[0], [1]]
 */
export const parallelNeuron: FusedOp<typeof parallelNeuronKernel> = fusedOp(parallelNeuronKernel);

/** H = W X + B `[T, ..., C]`. @internal */
export function charged(x: Tensor, rows: Tensor, bias: Tensor): Tensor {
  const [steps, ...shape] = x.shape;
  const h = add(matMul(rows as Tensor2D, reshape(x, [steps!, x.size / steps!]) as Tensor2D), bias);
  return reshape(h, [rows.shape[0]!, ...shape]);
}
