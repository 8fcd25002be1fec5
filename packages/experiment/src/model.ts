/** @file The network of a run, from a notation or the experiment's own. */
import { blocks } from "@sew/blocks";
import type { Source } from "@sew/datasets";
import { type ActivationFactory, type Module, neurons, overTime } from "@sew/layers";
import { type Family, type FamilyName, families, network } from "@sew/models";
import { type MembraneParams, type NeuronModel, neuronModels } from "@sew/neurons";
import { type Spike, surrogates } from "@sew/surrogates";
import type { Settings } from "./settings.js";

/** The name of a neuron model on the command line, such as `"plif"`. */
export type NeuronName = Lowercase<keyof typeof neuronModels>;

/** The name of a surrogate. */
export type SurrogateName = keyof typeof surrogates;

/** A network and what reports call it. */
export interface BuiltModel {
  /** `[T, N, H, W, C] → [T, N, classes]`. */
  readonly model: Module;
  /** In the paper's notation, or any other name. */
  readonly notation: string;
}

/** Neurons by their names in the notation and their names on the command line. */
const models = Object.entries(neuronModels) as [string, NeuronModel<MembraneParams, string>][];

/** The names that `--neuron` takes. */
export const neuronNames = models.map(([name]) => name.toLowerCase()) as NeuronName[];

/** The names that `--block` takes. */
export const familyNames = Object.keys(families) as FamilyName[];

/** The names that `--surrogate` takes. */
export const surrogateNames = Object.keys(surrogates) as SurrogateName[];

type Choices = Pick<Settings, "block" | "neuron" | "surrogate">;

const spikeOf = ({ surrogate }: Choices): Spike | undefined =>
  surrogate === undefined ? undefined : surrogates[surrogate]();

/**
 * The family of networks that `--block`, `--neuron` and `--surrogate` choose, for models that no notation describes.
 *
 * @example
 * const { block } = familyOf({ block: "sew-iand", neuron: "lif" });
 * block === families["sew-iand"].block; // true
 */
export function familyOf(settings: Choices): Family {
  const family = families[settings.block];
  if (!spiking(family)) return family;
  const name = settings.neuron ?? "if";
  const [, model] = models.find(([key]) => key.toLowerCase() === name)!;
  return { ...family, neurons: neurons(model, {}, spikeOf(settings)) };
}

function spiking({ neurons }: Family): boolean {
  return "neuron" in neurons(1);
}

/** Whether the networks of a family have neurons that `--neuron` and `--surrogate` choose. */
export function hasNeurons(block: FamilyName): boolean {
  return spiking(families[block]);
}

/** The word `SEW`, and the names of blocks that it may be part of: of two that start alike the longer comes first. */
const blockWords = new RegExp(
  `\\b(?:${["SEW", ...Object.keys(blocks)]
    .sort((a, b) => b.length - a.length)
    .map((name) => name.replaceAll(" ", "\\s+"))
    .join("|")})\\b`,
  "g",
);

/**
 * A notation with its chosen words: `SEW` becomes the block, and the neurons become those chosen.
 *
 * @throws RangeError when the block is of a family that no notation describes
 */
export function chosenNotation(notation: string, { block, neuron }: Omit<Choices, "surrogate">): string {
  const family = families[block];
  const [word] = Object.entries(blocks).find(([, factory]) => factory === family.block)!;
  if (family.norm !== undefined) {
    const known = familyNames.filter((name) => families[name].norm === undefined).join(", ");
    throw new RangeError(`model: block must be one of ${known} for a notation, got ${block}; its norm has no notation`);
  }
  const [chosen] = spiking(family) ? (models.find(([name]) => name.toLowerCase() === neuron) ?? []) : ["ReLU"];
  const names = models.map(([name]) => name).join("|");
  return notation
    .replaceAll(blockWords, (name) => (name === "SEW" ? word : name))
    .replaceAll(new RegExp(`(?<=^|[-{}\\s])(?:${names})(?=$|[-{}\\s])`, "g"), (name) => chosen ?? name);
}

/**
 * Builds the network of a run.
 *
 * @param definition the experiment's notation, or its own network
 * @param source whose samples `[T, H, W, C]` it takes
 */
export function buildModel(definition: string | BuiltModel, settings: Settings, source: Source): BuiltModel {
  if (typeof definition !== "string") return definition;
  const [, height, width, inChannels] = source.shape as [number, number, number, number];
  if (source.shape.length !== 4) {
    throw new RangeError(`model: samples must be [T, H, W, C] for a notation, got [${source.shape}] in ${source.name}`);
  }
  const notation = chosenNotation(definition, settings);
  const spike = spikeOf(settings);
  const named = models.map(([name, model]): [string, ActivationFactory] => [name, neurons(model, {}, spike)]);
  const model = network(notation, {
    height,
    width,
    inChannels,
    seed: settings.seed,
    zeroInit: settings.zeroInit,
    recompute: settings.recompute,
    neurons: Object.fromEntries(named),
  });
  return { model: source.shape[0] === 1 ? overTime(model, settings.steps) : model, notation };
}
