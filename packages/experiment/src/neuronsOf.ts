/** @file The neurons of a network, for `config.json`. */
import { type Learnable, type Module, namedModules, neuronOf } from "@sew/layers";
import {
  type MembraneParams,
  type Neuron,
  type NeuronModel,
  neuronModels,
  type ParallelNeuron,
  parallelNeuronModels,
} from "@sew/neurons";
import { type Spike, surrogates } from "@sew/surrogates";
import { Tensor, tensor1d, tidy } from "@tensorflow/tfjs-core";

/** Neurons of one kind, and how many layers of a network have them. */
export interface NeuronKind {
  /** The name of their model. */
  readonly neuron: string;
  /** The name of their surrogate, or `"own"` for one that `--surrogate` does not know. */
  readonly surrogate: string;
  readonly layers: number;
  /** What differs from the model's defaults: values, and what else is learned, from which value. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** The kinds of neurons of a network that has not been trained yet, in the order of its layers; none for an ANN. */
export function neuronsOf(model: Module): NeuronKind[] {
  const kinds = new Map<string, NeuronKind>();
  for (const layer of new Set([...namedModules(model)].map(([, module]) => module))) {
    const neuron = neuronOf(layer);
    if (neuron === undefined) continue;
    const parameters = parametersOf(neuron, layer.parameters ?? {});
    const kind = { neuron: neuron.model, surrogate: surrogateOf(neuron.spike), parameters };
    const key = JSON.stringify(kind);
    kinds.set(key, { ...kind, layers: (kinds.get(key)?.layers ?? 0) + 1 });
  }
  return [...kinds.values()];
}

const models = [...Object.values(neuronModels), ...Object.values(parallelNeuronModels)];

function parametersOf(neuron: Neuron | ParallelNeuron, learnedOnes: object): Record<string, unknown> {
  const model = models.find(({ name }) => name === neuron.model);
  const defaults = (model?.defaults ?? {}) as Readonly<Record<string, unknown>>;
  const learns: Readonly<Record<string, Learnable["per"]>> =
    (model as NeuronModel<MembraneParams> | undefined)?.learns ?? {};
  return Object.fromEntries(
    Object.entries(neuron.params).flatMap(([name, value]) => {
      const learned = name in learnedOnes;
      const given = value instanceof Tensor ? valuesOf(value) : value;
      if (given === defaults[name] && (learned ? perOf(value) : undefined) === learns[name]) return [];
      return [[name, learned ? ({ initial: given, per: perOf(value) } as Learnable) : given]];
    }),
  );
}

/** The value of a tensor, or all where they differ. */
function valuesOf(value: Tensor): number | number[] {
  const all = [...value.dataSync()];
  return all.every((each) => each === all[0]) ? all[0]! : all;
}

const perOf = (value: unknown): Learnable["per"] => (value instanceof Tensor && value.rank > 0 ? "channel" : "layer");

/** Where slopes are compared. */
const POINTS = [-2.5, -0.7, -0.2, 0, 0.1, 0.4, 1.3];

/** The name of a surrogate, which its slope shows. */
function surrogateOf({ slope }: Spike): string {
  const at = (of: Spike["slope"]): string => tidy(() => of(tensor1d(POINTS)).dataSync().join(" "));
  const own = at(slope);
  return Object.entries(surrogates).find(([, make]) => at(make().slope) === own)?.[0] ?? "own";
}
