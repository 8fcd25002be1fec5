import {
  type NeuronFormula,
  normParallelNeuron,
  normParallelNeuronTraining,
  normNeuron as normThenFire,
  normNeuronTraining as normThenFireTraining,
  programParameters,
  unrecorded,
} from "@sew/kernels";
import { checkChannels, type ParallelWeights } from "@sew/neurons";
import type { Tensor } from "@tensorflow/tfjs-core";
import type { Activation } from "./activation.js";
import { type BatchNorm, normalised } from "./batchNorm.js";
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

/** Spikes, and the statistics of the currents before the norm. */
type Fired = readonly [spikes: Tensor, mean: Tensor, variance: Tensor];

/**
 * Batch norm and a neuron layer on its output: `S = SN(BN(x))`.
 *
 * Where the backend has the kernels for it, the normalised currents are never in memory, and training saves x alone for
 * the backward pass. The values are the same. An observer sees the neurons alone then.
 *
 * @param x `[T, N, ..., C]`
 * @returns spikes of the shape of `x`
 */
export function normNeuron(norm: BatchNorm, activation: Activation, x: Tensor, context: Context): Tensor {
  const { training, observe, memory } = context;
  const fused = fusedOf(activation);
  // The kernels start at rest: with a memory the layer itself runs.
  if (fused === undefined || memory !== undefined) {
    return run(activation, run(norm, x, context), context);
  }
  norm.check(x, training);
  const attrs = { ...fused.formula, epsilon: norm.epsilon, isLastReader };
  const { bias: offset } = norm.parameters;
  const inputs = fused.inputs(x);
  const scale = norm.scale();
  const [spikes, mean, variance] = training ? fireTraining(fused.train) : fireEvaluation(fused.evaluate);
  const currents = () => unrecorded(() => normalised(x, [mean, variance, offset, scale], norm.epsilon));
  observe?.(activation, spikes, currents);
  return spikes;

  function fireTraining(train: Fused["train"]): Fired {
    const fired = train([x, scale, offset, ...inputs], attrs) as unknown as Fired;
    norm.update(fired[1], fired[2], x.size / offset.size);
    return fired;
  }

  function fireEvaluation(evaluate: Fused["evaluate"]): Fired {
    const { runningMean: mean, runningVar: variance } = norm.buffers;
    const [spikes] = evaluate([x, mean, variance, scale, offset, ...inputs], attrs);
    return [spikes!, mean, variance];
  }
}
