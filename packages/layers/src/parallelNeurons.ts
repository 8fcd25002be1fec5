import {
  type Emission,
  type ParallelNeuron,
  type ParallelNeuronModel,
  type ParallelWeights,
  parallelCurrent,
  parallelNeuron,
} from "@sew/neurons";
import type { Spike } from "@sew/surrogates";
import { tidy, type Variable } from "@tensorflow/tfjs-core";
import type { Activation } from "./activation.js";
import { checkInteger } from "./check.js";
import { nextRandom } from "./seeded.js";
import { variableFrom } from "./variableFrom.js";

/** A layer of parallel neurons: currents `[T, N, ..., C] → spikes [T, N, ..., C]`. */
export interface ParallelNeuronLayer extends Activation {
  readonly emits: Emission;
  readonly parallel: ParallelNeuron;
  /** The weights and B, one for all neurons of the layer. */
  readonly parameters: Readonly<Record<keyof ParallelWeights, Variable>>;
}

/** Makes one layer of parallel neurons for currents of so many channels. */
export type ParallelNeuronFactory = (channels: number) => ParallelNeuronLayer;

/**
 * Makes layers of the parallel neurons of a model, each with weights of its own: `S = Θ(W X + B)` over time.
 *
 * A layer streams where no time-step depends on a later one; its state is `past`, the last currents. Else it takes the whole
 * sequence at once.
 *
 * @param model the parallel model, such as `psn`
 * @param params parameters that differ from the model's defaults
 * @param spike the spike function. @defaultValue the paper's ArcTan with α = 2
 * @returns a function from the number of channels C, the last axis of the currents, to a layer
 * @throws RangeError when a parameter is outside the model's domain, and, when layers are made, when channels is not a positive
 *   integer
 *
 * @example
 * const layer = parallelNeurons(slidingPsn, { order: 2 })(1);
 * layer.forward(tensor3d([[[0.75]], [[0.75]], [[0.5]], [[1]]]), evaluation).arraySync(); // [[[0]], [[1]], [[0]], [[1]]]
 * parallelNeurons(psn, { steps: 4 })(1).parameters.weight.shape; // [4, 4]
 */
export function parallelNeurons<P extends object>(
  model: ParallelNeuronModel<P>,
  params: Partial<P> = {},
  spike?: Spike,
): ParallelNeuronFactory {
  const parallel = parallelNeuron(model, params, spike);
  return (channels) => {
    checkInteger("parallelNeurons", "channels", channels, 1);
    const random = nextRandom();
    const { weight, bias } = parallel.initial((bound) => random.uniform(-bound, bound));
    const parameters = { weight: variableFrom(weight), bias: variableFrom(bias) };
    const layer: ParallelNeuronLayer = {
      parallel,
      emits: { kind: "bits" },
      parameters,
      constantCurrent: (emitted) => parallelCurrent(parallel, parameters, emitted),
      forward: (x, { memory }) =>
        tidy(() => {
          const { spikes, past } = parallel(x, parameters, memory?.recall(layer)?.past);
          memory?.store(layer, { past });
          return spikes;
        }),
    };
    return layer;
  };
}
