import { batchNormTraining } from "./batchNormTraining.js";
import { type FusedListKernel, type FusedOp, fusedOp } from "./fusedOp.js";
import { type Fire, firedFromRest, type NormNeuronAttrs, type NormNeuronGradAttrs } from "./normNeuron.js";

/** The kernel of batch norm in training and the neurons that fire in this way; `name` is that of the one in evaluation. @internal */
export function normThenFireTraining(name: string, fire: Fire): FusedListKernel<NormNeuronAttrs> {
  return {
    name: `${name}Training`,
    accepts: ({ program }) => program !== undefined,
    composed([x, scale, offset, ...others], attrs) {
      const [y, mean, variance] = batchNormTraining(
        { x: x!, scale: scale!, offset: offset! },
        { epsilon: attrs.epsilon },
      );
      return [fire(y!, others, attrs), mean!, variance!];
    },
    gradient: {
      name: `${name}Grad`,
      savedOutputs: [false, true, true],
      inputs(saved, [dSpikes]) {
        const [x, ...rest] = saved.slice(0, -2);
        return [x!, ...saved.slice(-2), ...rest, dSpikes!];
      },
      attrs: (attrs, [dSpikes]): NormNeuronGradAttrs => ({
        ...attrs,
        ownStatistics: true,
        overwrite: attrs.isLastReader(dSpikes!),
      }),
    },
  };
}

/**
 * Batch norm with the statistics of the batch, and the neurons that receive its output: `S = SN(BN(x))`, from rest.
 *
 * Inputs: `x` `[T, ..., C]`; `scale` and `offset` `[C]`; the parameters of the neuron's program, `[]` or `[C]`. Outputs:
 * spikes `[T, ..., C]`, those of BatchNormTraining and MultiStepNeuron one after the other, bit for bit; the batch's mean and
 * biased variance `[C]`, through which no gradient passes. The backward pass needs x alone of all that is as large as x. Its
 * gradient is `NormNeuronGrad`, as that of NormNeuron.
 */
export const normNeuronTrainingKernel: FusedListKernel<NormNeuronAttrs> = normThenFireTraining(
  "NormNeuron",
  firedFromRest,
);

/** The operation of {@link normNeuronTrainingKernel}. */
export const normNeuronTraining: FusedOp<typeof normNeuronTrainingKernel> = fusedOp(normNeuronTrainingKernel);
