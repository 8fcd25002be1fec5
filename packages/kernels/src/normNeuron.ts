import { batchNorm, reshape, type Tensor, type Tensor1D, type Tensor4D } from "@tensorflow/tfjs-core";
import { type FusedListKernel, type FusedOp, fusedOp } from "./fusedOp.js";
import { multiStepNeuron } from "./multiStepNeuron.js";
import type { NeuronFormula } from "./neuronFormula.js";

/** Attributes of {@link normNeuronKernel} and of `normNeuronTrainingKernel`: the neuron, and more. */
export interface NormNeuronAttrs extends NeuronFormula {
  /** ε: added to the variance before its root is taken. */
  readonly epsilon: number;
  /** Whether nothing reads a gradient after the kernel that receives it, so that it may be overwritten. */
  readonly isLastReader: (dy: object) => boolean;
}

/** Attributes of the kernel `NormNeuronGrad`. */
export interface NormNeuronGradAttrs extends NormNeuronAttrs {
  /** Whether mean and variance are those of x, so that gradients flow through them too. */
  readonly ownStatistics: boolean;
  /** Whether the gradient of x may take the memory of `dSpikes`. */
  readonly overwrite: boolean;
}

/**
 * Batch norm with given statistics, and the neurons that receive its output: `S = SN(BN(x))`, from rest.
 *
 * Inputs: `x` `[T, ..., C]`; `mean`, `variance`, `scale` and `offset` `[C]`; the parameters of the neuron's program, `[]` or
 * `[C]`. Output: spikes `[T, ..., C]`, those of FusedBatchNorm and MultiStepNeuron one after the other, bit for bit. The
 * normalised currents need not be in memory. No gradient passes through mean and variance. Its gradient `NormNeuronGrad`
 * receives these inputs and the gradient of the spikes, and returns those of x, scale, offset and the parameters.
 */
export const normNeuronKernel: FusedListKernel<NormNeuronAttrs> = {
  name: "NormNeuron",
  accepts: ({ program }) => program !== undefined,
  composed([x, mean, variance, scale, offset, ...parameters], attrs) {
    const channels = mean!.size;
    const rows = reshape(x!, [x!.size / channels, 1, 1, channels]) as Tensor4D;
    const [m, v, o, s] = [mean, variance, offset, scale] as [Tensor1D, Tensor1D, Tensor1D, Tensor1D];
    return [firedFromRest(reshape(batchNorm(rows, m, v, o, s, attrs.epsilon), x!.shape), parameters, attrs)];
  },
  gradient: {
    name: "NormNeuronGrad",
    inputs: (saved, [dSpikes]) => [...saved, dSpikes!],
    withoutGradient: [1, 2],
    attrs: (attrs, [dSpikes]): NormNeuronGradAttrs => ({
      ...attrs,
      ownStatistics: false,
      overwrite: attrs.isLastReader(dSpikes!),
    }),
  },
};

/** The operation of {@link normNeuronKernel}. */
export const normNeuron: FusedOp<typeof normNeuronKernel> = fusedOp(normNeuronKernel);

/** The spikes of a sequence of currents that starts at rest. @internal */
export function firedFromRest(currents: Tensor, parameters: readonly Tensor[], formula: NeuronFormula): Tensor {
  const rest = formula.initialState(currents.shape.slice(1));
  const state = formula.stateNames.map((name) => rest[name]!);
  return multiStepNeuron([currents, ...state, ...parameters], formula)[0]!;
}
