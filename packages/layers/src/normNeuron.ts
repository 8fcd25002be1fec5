import {
  type NeuronFormula,
  normParallelNeuron,
  normParallelNeuronTraining,
  normNeuron as normThenFire,
  normNeuronTraining as normThenFireTraining,
  programParameters,
} from "@sew/kernels";
import { checkChannels, type ParallelWeights } from "@sew/neurons";
import type { Tensor } from "@tensorflow/tfjs-core";
import type { Activation } from "./activation.js";
import type { BatchNorm } from "./batchNorm.js";
import { isLastReader } from "./memory/freeAfterUse.js";
import { type Context, run } from "./module.js";

/** The neurons of a layer as the kernels that fuse a norm with them run them. */
interface Fused {
  readonly formula: NeuronFormula;
  readonly evaluate: typeof normThenFire;
  readonly train: typeof normThenFireTraining;
  /** What the kernels receive of the neurons, for currents `x`. */
  readonly inputs: (x: Tensor) => readonly Tensor[];
}

function fusedOf({ neuron, parallel, parameters }: Activation): Fused | undefined {
  if (neuron?.program !== undefined) {
    const inputs = (x: Tensor) => {
      checkChannels(neuron, x, x.shape.at(-1));
      return programParameters(neuron);
    };
    return { formula: neuron as NeuronFormula, evaluate: normThenFire, train: normThenFireTraining, inputs };
  }
  if (parallel?.formula.program !== undefined) {
    const inputs = (x: Tensor) => parallel.matrices(x, parameters as unknown as ParallelWeights);
    return { formula: parallel.formula, evaluate: normParallelNeuron, train: normParallelNeuronTraining, inputs };
  }
  return undefined;
}

/**
 * Batch norm and a neuron layer on its output: `S = SN(BN(x))`.
 *
 * Where the backend has the kernels for it, the normalised currents are never in memory, and training saves x alone for
 * the backward pass. The values are the same. (In evaluation an observer sees the norm's output as well, so that it is
 * computed.)
 *
 * @param x `[T, N, ..., C]`
 * @returns spikes of the shape of `x`
 */
export function normNeuron(norm: BatchNorm, activation: Activation, x: Tensor, context: Context): Tensor {
  const { training, observe, memory } = context;
  const fused = fusedOf(activation);
  const observesNorm = observe !== undefined && !training;
  // The kernels start at rest: with a memory the layer itself runs.
  if (fused === undefined || observesNorm || memory !== undefined) {
    return run(activation, run(norm, x, context), context);
  }
  norm.check(x, training);
  const attrs = { ...fused.formula, epsilon: norm.epsilon, isLastReader };
  const { bias: offset } = norm.parameters;
  const inputs = fused.inputs(x);
  const spikes = training ? fireTraining(fused.train) : fireEvaluation(fused.evaluate);
  observe?.(activation, spikes);
  return spikes;

  function fireTraining(train: Fused["train"]): Tensor {
    const [spikes, mean, variance] = train([x, norm.scale(), offset, ...inputs], attrs);
    norm.update(mean!, variance!, x.size / offset.size);
    return spikes!;
  }

  function fireEvaluation(evaluate: Fused["evaluate"]): Tensor {
    const { runningMean: mean, runningVar: variance } = norm.buffers;
    return evaluate([x, mean, variance, norm.scale(), offset, ...inputs], attrs)[0]!;
  }
}
