import { batchNormTraining } from "./batchNormTraining.js";
import { type FusedKernel, type FusedOp, fusedOp } from "./fusedOp.js";
import { multiStepNeuron } from "./multiStepNeuron.js";
import { type NormNeuronAttrs, type NormNeuronGradAttrs, restingState } from "./normNeuron.js";

/**
 * Batch norm with the statistics of the batch, and the neurons that receive its output: `S = SN(BN(x))`, from rest.
 *
 * Inputs: `x` `[T, ..., C]`; `scale` and `offset` `[C]`; `rate` `[]`, which only learned leaks read. Outputs: spikes
 * `[T, ..., C]`, those of BatchNormTraining and MultiStepNeuron one after the other, bit for bit; the batch's mean and
 * biased variance `[C]`, through which no gradient passes. The backward pass needs x alone of all that is as large as x.
 */
export const normNeuronTrainingKernel: FusedKernel<"x" | "scale" | "offset" | "rate", NormNeuronAttrs> = {
  name: "NormNeuronTraining",
  inputs: ["x", "scale", "offset", "rate"],
  accepts: ({ formula }) => formula.recognised !== undefined,
  composed({ x, scale, offset, rate }, { epsilon, formula, initialState }) {
    const [y, mean, variance] = batchNormTraining({ x, scale, offset }, { epsilon });
    const [spikes] = multiStepNeuron({ x: y!, ...restingState(initialState, x.shape), rate }, { formula });
    return [spikes!, mean!, variance!];
  },
  gradient: {
    name: "NormNeuronGrad",
    savedInputs: ["x", "scale", "offset", "rate"],
    savedOutputs: [null, "mean", "variance"],
    outputGradients: ["dSpikes", null, null],
    of: ["x", "scale", "offset", "rate"],
    attrs: (attrs, [dSpikes]): NormNeuronGradAttrs => ({
      ...attrs,
      ownStatistics: true,
      overwrite: attrs.isLastReader(dSpikes!),
    }),
  },
};

/** The operation of {@link normNeuronTrainingKernel}. */
export const normNeuronTraining: FusedOp<typeof normNeuronTrainingKernel> = fusedOp(normNeuronTrainingKernel);
