import { batchNorm, reshape, type Tensor, type Tensor1D, type Tensor4D } from "@tensorflow/tfjs-core";
import { type FusedListKernel, type FusedOp, fusedOp } from "./fusedOp.js";
import { multiStepNeuron } from "./multiStepNeuron.js";
import type { NeuronFormula } from "./neuronFormula.js";

/** Attributes of the kernels of batch norm and the neurons behind it: the neuron, and more. */
export interface NormNeuronAttrs extends NeuronFormula {
  /** ε: added to the variance before its root is taken. */
  readonly epsilon: number;
  /** Whether nothing reads a gradient after the kernel that receives it, so that it may be overwritten. */
  readonly isLastReader: (dy: object) => boolean;
}

/** Attributes of the kernels `NormNeuronGrad` and `NormParallelNeuronGrad`. */
export interface NormNeuronGradAttrs extends NormNeuronAttrs {
  /** Whether mean and variance are those of x, so that gradients flow through them too. */
  readonly ownStatistics: boolean;
  /** Whether the gradient of x may take the memory of `dSpikes`. */
  readonly overwrite: boolean;
}

/** The spikes of the normalised currents, from what a kernel receives besides these and the norm's inputs. @internal */
export type Fire = (currents: Tensor, others: readonly Tensor[], attrs: NormNeuronAttrs) => Tensor;

/** The kernel of batch norm with given statistics and the neurons that fire in this way. @internal */
export function normThenFire(name: string, fire: Fire): FusedListKernel<NormNeuronAttrs> {
  return {
    name,
    accepts: ({ program }) => program !== undefined,
    composed([x, mean, variance, scale, offset, ...others], attrs) {
      const channels = mean!.size;
      const rows = reshape(x!, [x!.size / channels, 1, 1, channels]) as Tensor4D;
      const [m, v, o, s] = [mean, variance, offset, scale] as [Tensor1D, Tensor1D, Tensor1D, Tensor1D];
      return [fire(reshape(batchNorm(rows, m, v, o, s, attrs.epsilon), x!.shape), others, attrs)];
    },
    gradient: {
      name: `${name}Grad`,
      inputs: (saved, [dSpikes]) => [...saved, dSpikes!],
      withoutGradient: [1, 2],
      attrs: (attrs, [dSpikes]): NormNeuronGradAttrs => ({
        ...attrs,
        ownStatistics: false,
        overwrite: attrs.isLastReader(dSpikes!),
      }),
    },
  };
}

/**
 * Batch norm with given statistics, and the neurons that receive its output: `S = SN(BN(x))`, from rest.
 *
 * Inputs: `x` `[T, ..., C]`; `mean`, `variance`, `scale` and `offset` `[C]`; the parameters of the neuron's program, `[]` or
 * `[C]`. Output: spikes `[T, ..., C]`, those of FusedBatchNorm and MultiStepNeuron one after the other, bit for bit. The
 * normalised currents need not be in memory. No gradient passes through mean and variance. Its gradient `NormNeuronGrad`
 * receives these inputs and the gradient of the spikes, and returns those of x, scale, offset and the parameters.
 */
export const normNeuronKernel: FusedListKernel<NormNeuronAttrs> = normThenFire("NormNeuron", firedFromRest);

/** The operation of {@link normNeuronKernel}. */
export const normNeuron: FusedOp<typeof normNeuronKernel> = fusedOp(normNeuronKernel);

/** The spikes of a sequence of currents that starts at rest. @internal */
export function firedFromRest(currents: Tensor, parameters: readonly Tensor[], formula: NeuronFormula): Tensor {
  const rest = formula.initialState(currents.shape.slice(1));
  const state = formula.stateNames.map((name) => rest[name]!);
  return multiStepNeuron([currents, ...state, ...parameters], formula)[0]!;
}
