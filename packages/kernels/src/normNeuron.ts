import { batchNorm, reshape, type Tensor1D, type Tensor4D } from "@tensorflow/tfjs-core";
import { type FusedKernel, type FusedOp, fusedOp } from "./fusedOp.js";
import { multiStepNeuron } from "./multiStepNeuron.js";
import type { NeuronFormula, NeuronState } from "./neuronFormula.js";

/** Attributes of {@link normNeuronKernel} and of `normNeuronTrainingKernel`. */
export interface NormNeuronAttrs {
  /** ε: added to the variance before its root is taken. */
  readonly epsilon: number;
  readonly formula: NeuronFormula;
  /** The state before the first step: at rest. Hand-written kernels start at V_reset. */
  readonly initialState: (shape: readonly number[]) => NeuronState;
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
 * Inputs: `x` `[T, ..., C]`; `mean`, `variance`, `scale` and `offset` `[C]`; `rate` `[]`, which only learned leaks read.
 * Output: spikes `[T, ..., C]`, those of FusedBatchNorm and MultiStepNeuron one after the other, bit for bit. The
 * normalised currents need not be in memory. No gradient passes through mean and variance.
 */
export const normNeuronKernel: FusedKernel<"x" | "mean" | "variance" | "scale" | "offset" | "rate", NormNeuronAttrs> = {
  name: "NormNeuron",
  inputs: ["x", "mean", "variance", "scale", "offset", "rate"],
  accepts: ({ formula }) => formula.recognised !== undefined,
  composed({ x, mean, variance, scale, offset, rate }, { epsilon, formula, initialState }) {
    const channels = mean.size;
    const rows = reshape(x, [x.size / channels, 1, 1, channels]) as Tensor4D;
    const [m, v, o, s] = [mean, variance, offset, scale] as [Tensor1D, Tensor1D, Tensor1D, Tensor1D];
    const currents = reshape(batchNorm(rows, m, v, o, s, epsilon), x.shape);
    return multiStepNeuron({ x: currents, ...restingState(initialState, x.shape), rate }, { formula }).slice(0, 1);
  },
  gradient: {
    name: "NormNeuronGrad",
    savedInputs: ["x", "mean", "variance", "scale", "offset", "rate"],
    outputGradients: ["dSpikes"],
    of: ["x", "scale", "offset", "rate"],
    attrs: (attrs, [dSpikes]): NormNeuronGradAttrs => ({
      ...attrs,
      ownStatistics: false,
      overwrite: attrs.isLastReader(dSpikes!),
    }),
  },
};

/** The operation of {@link normNeuronKernel}. */
export const normNeuron: FusedOp<typeof normNeuronKernel> = fusedOp(normNeuronKernel);

/** The state inputs of a sequence of this shape that starts at rest; recognised neurons have `v`. @internal */
export function restingState(
  initialState: (shape: readonly number[]) => NeuronState,
  shape: readonly number[],
): { readonly v: NeuronState[string] } {
  return initialState(shape.slice(1)) as { v: NeuronState[string] };
}
