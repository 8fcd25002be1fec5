import { reshape, scalar, stack, type Tensor, unstack } from "@tensorflow/tfjs-core";
import { type FusedKernel, type FusedOp, fusedOp } from "./fusedOp.js";
import type { NeuronFormula } from "./neuronFormula.js";

/** Attributes of {@link multiStepNeuronKernel}. */
export interface MultiStepNeuronAttrs {
  readonly formula: NeuronFormula;
}

/**
 * A neuron over a whole sequence: Eqs. 1-3 for t = 1 … T.
 *
 * Inputs: currents `x` `[T, ...]`, each state variable before the first step `[...]` by its name, and `rate` `[]`, which
 * only learned leaks read. Outputs: spikes `[T, ...]`, and the state after the last step in the order of
 * `formula.stateNames`. Hand-written kernels have the one state variable `v`.
 */
export const multiStepNeuronKernel: FusedKernel<"x" | "v" | "rate", MultiStepNeuronAttrs> = {
  name: "MultiStepNeuron",
  inputs: ["x", "v", "rate"],
  accepts: ({ formula }) => formula.recognised !== undefined,
  composed: ({ x, rate: _, ...state }, { formula }) => unrollFormula(formula, x, state),
  gradient: {
    name: "MultiStepNeuronGrad",
    savedInputs: ["x", "v", "rate"],
    outputGradients: ["dSpikes", "dV"],
    of: ["x", "v", "rate"],
  },
};

function unrollFormula(formula: NeuronFormula, x: Tensor, before: Readonly<Record<string, Tensor>>): Tensor[] {
  // The gradient of unstack fails on a single step (TensorFlow.js 4.22: it stacks a tensor instead of a list).
  const currents = x.shape[0] === 1 ? [reshape(x, x.shape.slice(1))] : unstack(x);
  let state = before;
  const spikes = currents.map((current) => {
    const step = formula.step(state, current);
    state = step.state;
    return step.spikes;
  });
  return [stack(spikes), ...formula.stateNames.map((name) => state[name]!)];
}

/** The input `rate` of a neuron's kernels, `[]`: its learned leak, 0 where it has none. */
export function learnedRate({ recognised }: NeuronFormula): Tensor {
  const charge = recognised?.charge;
  return charge !== undefined && "rate" in charge ? charge.rate() : scalar(0);
}

/** The operation of {@link multiStepNeuronKernel}. */
export const multiStepNeuron: FusedOp<typeof multiStepNeuronKernel> = fusedOp(multiStepNeuronKernel);
