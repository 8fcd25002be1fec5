import type { Tensor } from "@tensorflow/tfjs-core";
import { type FusedListKernel, type FusedOp, fusedOp } from "./fusedOp.js";
import { type NormNeuronAttrs, normThenFire } from "./normNeuron.js";
import { normThenFireTraining } from "./normNeuronTraining.js";
import { parallelNeuron } from "./parallelNeuron.js";

const fire = (currents: Tensor, [rows, bias]: readonly Tensor[], attrs: NormNeuronAttrs): Tensor =>
  parallelNeuron([currents, rows!, bias!], attrs)[0]!;

/**
 * Batch norm with given statistics, and the parallel neurons that receive its output: `S = Θ(W BN(x) + B)`.
 *
 * Inputs: `x`, `mean`, `variance`, `scale` and `offset` as those of NormNeuron; `rows` and `bias` as those of ParallelNeuron.
 * Output: the spikes of FusedBatchNorm and ParallelNeuron one after the other, bit for bit. Its gradient
 * `NormParallelNeuronGrad` receives these inputs and the gradient of the spikes, and returns those of x, scale, offset, rows and
 * bias.
 */
export const normParallelNeuronKernel: FusedListKernel<NormNeuronAttrs> = normThenFire("NormParallelNeuron", fire);

/** The operation of {@link normParallelNeuronKernel}. */
export const normParallelNeuron: FusedOp<typeof normParallelNeuronKernel> = fusedOp(normParallelNeuronKernel);

/**
 * The same with the statistics of the batch.
 *
 * Inputs: `x`, `scale` and `offset` as those of NormNeuronTraining; `rows` and `bias` as those of ParallelNeuron. Outputs: the
 * spikes of BatchNormTraining and ParallelNeuron one after the other, bit for bit, and the batch's mean and biased variance
 * `[C]`. The backward pass needs x alone of all that is as large as x. Its gradient is `NormParallelNeuronGrad`.
 */
export const normParallelNeuronTrainingKernel: FusedListKernel<NormNeuronAttrs> = normThenFireTraining(
  "NormParallelNeuron",
  fire,
);

/** The operation of {@link normParallelNeuronTrainingKernel}. */
export const normParallelNeuronTraining: FusedOp<typeof normParallelNeuronTrainingKernel> = fusedOp(
  normParallelNeuronTrainingKernel,
);
