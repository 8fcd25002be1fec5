import { reshape, stack, type Tensor, unstack } from "@tensorflow/tfjs-core";
import { type FusedListKernel, type FusedOp, fusedOp } from "./fusedOp.js";
import type { NeuronFormula } from "./neuronFormula.js";

/** Attributes of {@link multiStepNeuronKernel}: the neuron, whose `program` fused kernels run. */
export type MultiStepNeuronAttrs = NeuronFormula;

/**
 * A neuron over a whole sequence: Eqs. 1-3 for t = 1 … T.
 *
 * Inputs: currents `x` `[T, ..., C]`, each state variable before the first step `[..., C]` in the order of `stateNames`, and
 * the program's parameters, `[]` or `[C]`. Outputs: spikes `[T, ..., C]`, and the state after the last step. Its gradient
 * `MultiStepNeuronGrad` receives these inputs and the gradients of all outputs, and returns those of all inputs.
 */
export const multiStepNeuronKernel: FusedListKernel<MultiStepNeuronAttrs> = {
  name: "MultiStepNeuron",
  accepts: ({ program }) => program !== undefined,
  composed: ([x, ...rest], formula) => unrollFormula(formula, x!, rest.slice(0, formula.stateNames.length)),
  gradient: {
    name: "MultiStepNeuronGrad",
    inputs: (saved, dys) => [...saved, ...dys],
  },
};

function unrollFormula({ stateNames, step }: NeuronFormula, x: Tensor, before: readonly Tensor[]): Tensor[] {
  // The gradient of unstack fails on a single step (TensorFlow.js 4.22: it stacks a tensor instead of a list).
  const currents = x.shape[0] === 1 ? [reshape(x, x.shape.slice(1))] : unstack(x);
  let state = Object.fromEntries(stateNames.map((name, i) => [name, before[i]!]));
  const spikes = currents.map((current) => {
    const after = step(state, current);
    state = after.state;
    return after.spikes;
  });
  return [stack(spikes), ...stateNames.map((name) => state[name]!)];
}

/** The parameters of a neuron's program as its kernels receive them: `[]` or `[C]`. */
export function programParameters({ parameters }: NeuronFormula): Tensor[] {
  return parameters.map((tensor) => (tensor.size === 1 && tensor.rank > 0 ? reshape(tensor, []) : tensor));
}

/** The operation of {@link multiStepNeuronKernel}. */
export const multiStepNeuron: FusedOp<typeof multiStepNeuronKernel> = fusedOp(multiStepNeuronKernel);
