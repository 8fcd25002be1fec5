/** @file The network of a run, from a notation or the experiment's own. */
import { blocks } from "@sew/blocks";
import type { Source } from "@sew/datasets";
import { shown } from "@sew/kernels";
import { type ActivationFactory, emissionOf, type Module, neurons, overTime, parallelNeurons } from "@sew/layers";
import { type Family, type FamilyName, families, network } from "@sew/models";
import {
  type MembraneParams,
  type NeuronModel,
  neuron,
  neuronModels,
  type ParallelNeuronModel,
  parallelNeuronModels,
} from "@sew/neurons";
import { type Spike, surrogates } from "@sew/surrogates";
import type { Settings } from "./settings.js";

/**
 * Neurons by their names in the notation. Each makes its layers with the surrogate of `--surrogate`; without that option the
 * surrogate is undefined.
 */
export type NamedNeurons = Readonly<Record<string, (spike: Spike | undefined) => ActivationFactory>>;

/** The name of a surrogate. */
export type SurrogateName = keyof typeof surrogates;

/** A network and what reports call it. */
export interface BuiltModel {
  /** `[T, N, H, W, C] → [T, N, classes]`. */
  readonly model: Module;
  /** In the paper's notation, or any other name. */
  readonly notation: string;
}

/** Neurons by their names in the notation. */
const models = Object.entries(neuronModels) as [string, NeuronModel<MembraneParams, string>][];

const parallelModels = Object.entries(parallelNeuronModels) as [string, ParallelNeuronModel<object>][];

/** The names in the notation of this package's neurons that spike. */
const spikingNames = [...models.filter(([, model]) => neuron(model).emits.kind !== "reals"), ...parallelModels].map(
  ([name]) => name,
);

/** The names in the notation of neurons that spike: `--neuron` takes them, and replaces them. */
const namesWith = (own: NamedNeurons): string[] => [...new Set([...spikingNames, ...Object.keys(own)])];

/** The name on command lines of neurons that a notation calls so: `My LIF` is `my-lif`. */
const optionOf = (name: string): string => name.toLowerCase().replaceAll(" ", "-");

/** The names that `--neuron` takes. */
export function neuronNames(own: NamedNeurons = {}): string[] {
  return namesWith(own).map(optionOf);
}

/** The names that `--block` takes. */
export const familyNames = Object.keys(families) as FamilyName[];

/** The names that `--surrogate` takes. */
export const surrogateNames = Object.keys(surrogates) as SurrogateName[];

type Choices = Pick<Settings, "block" | "neuron" | "surrogate">;

/** Layers of every neuron by its name in the notation, for sequences of so many time-steps. */
function layersOf(
  { surrogate }: Choices,
  steps: number | undefined,
  own: NamedNeurons,
): Record<string, ActivationFactory> {
  const spike: Spike | undefined = surrogate && surrogates[surrogate]();
  return Object.fromEntries([
    ...models.map(([name, model]) => [name, neurons(model, {}, spike)]),
    ...parallelModels.map(([name, model]): [string, ActivationFactory] => [
      name,
      (channels) => parallelNeurons(model, { steps }, spike)(channels),
    ]),
    ...Object.entries(own).map(([name, make]) => [name, make(spike)]),
  ]);
}

/** The name in the notation of the neurons that a command line calls so. */
function notationOf(option: string, own: NamedNeurons): string {
  const name = namesWith(own).find((name) => optionOf(name) === option);
  if (name !== undefined) return name;
  throw new RangeError(`model: neuron must be one of ${neuronNames(own).join(", ")}, got ${shown(option)}`);
}

/**
 * The family of networks that `--block`, `--neuron` and `--surrogate` choose, for models that no notation describes.
 * `steps` is the T of their sequences, which PSN must know.
 *
 * @param own the experiment's own neurons. @defaultValue none
 * @throws RangeError when there are no neurons of that name
 *
 * @example
 * const { block } = familyOf({ block: "sew-iand", neuron: "lif" });
 * block === families["sew-iand"].block; // true
 */
export function familyOf(settings: Choices & Partial<Pick<Settings, "steps">>, own: NamedNeurons = {}): Family {
  const family = families[settings.block];
  if (!spiking(family)) return family;
  return { ...family, neurons: layersOf(settings, settings.steps, own)[notationOf(settings.neuron ?? "if", own)]! };
}

function spiking({ neurons }: Family): boolean {
  return emissionOf(neurons(1)) !== undefined;
}

/** Whether the networks of a family have neurons that `--neuron` and `--surrogate` choose. */
export function hasNeurons(block: FamilyName): boolean {
  return spiking(families[block]);
}

/** A pattern of any of some names. Of two that start alike the longer comes first. */
function alternatives(names: readonly string[]): string {
  return names
    .toSorted((a, b) => b.length - a.length)
    .map((name) => name.replaceAll(" ", "\\s+"))
    .join("|");
}

/** The word `SEW`, and the names of blocks that it may be part of. */
const blockWords = new RegExp(`\\b(?:${alternatives(["SEW", ...Object.keys(blocks)])})\\b`, "g");

/**
 * A notation with its chosen words: `SEW` becomes the block, and the neurons that spike become those chosen.
 *
 * @throws RangeError when the block is of a family that no notation describes, or when there are no neurons of that name
 */
export function chosenNotation(
  notation: string,
  { block, neuron }: Omit<Choices, "surrogate">,
  own: NamedNeurons = {},
): string {
  const family = families[block];
  const [word] = Object.entries(blocks).find(([, factory]) => factory === family.block)!;
  if (family.norm !== undefined) {
    const known = familyNames.filter((name) => families[name].norm === undefined).join(", ");
    throw new RangeError(`model: block must be one of ${known} for a notation, got ${block}; its norm has no notation`);
  }
  const chosen = !spiking(family) ? "ReLU" : neuron === undefined ? undefined : notationOf(neuron, own);
  const names = alternatives(namesWith(own));
  return notation
    .replaceAll(blockWords, (name) => (name === "SEW" ? word : name))
    .replaceAll(new RegExp(`(?<=^|[-{}\\s])(?:${names})(?=$|[-{}\\s])`, "g"), (name) => chosen ?? name);
}

/**
 * Builds the network of a run.
 *
 * @param definition the experiment's notation, or its own network
 * @param source whose samples `[T, H, W, C]` it takes
 * @param own the experiment's own neurons
 */
export function buildModel(
  definition: string | BuiltModel,
  settings: Settings,
  source: Source,
  own: NamedNeurons = {},
): BuiltModel {
  if (typeof definition !== "string") return definition;
  const [, height, width, inChannels] = source.shape as [number, number, number, number];
  if (source.shape.length !== 4) {
    throw new RangeError(`model: samples must be [T, H, W, C] for a notation, got [${source.shape}] in ${source.name}`);
  }
  const notation = chosenNotation(definition, settings, own);
  const steps = source.shape[0] === 1 ? settings.steps : source.shape[0];
  const model = network(notation, {
    height,
    width,
    inChannels,
    seed: settings.seed,
    zeroInit: settings.zeroInit,
    recompute: settings.recompute,
    neurons: layersOf(settings, steps, own),
  });
  return { model: source.shape[0] === 1 ? overTime(model, settings.steps) : model, notation };
}
