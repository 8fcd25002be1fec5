/** @file Optimisers, schedules and losses by name: the one place that lists them. */
import { type Module, namedModules, namedParameters, neuronOf } from "@sew/layers";
import {
  adam,
  adamW,
  chain,
  clipByGlobalNorm,
  constant,
  cosine,
  crossEntropy,
  crossEntropyPerStep,
  type Loss,
  type Schedule,
  scaleBy,
  sgd,
  stepDecay,
  type Transform,
  warmup,
  weightDecay,
} from "@sew/training";
import type { Recipe } from "./settings.js";

/** Settings of optimisers that not all of them have. */
export type OptimizerSetting = "momentum" | "nesterov";

interface OptimizerEntry {
  /** Those of the settings that it has. */
  readonly has: readonly OptimizerSetting[];
  make(recipe: Recipe): Transform;
}

/** The optimisers by name. A new one is an entry here. */
export const optimizers = {
  sgd: {
    has: ["momentum", "nesterov"],
    make: ({ momentum, nesterov, weightDecay }) => sgd({ momentum, nesterov, weightDecay }),
  },
  adam: {
    has: [],
    make: (recipe) => (recipe.weightDecay > 0 ? chain(weightDecay(recipe.weightDecay), adam()) : adam()),
  },
  adamw: { has: [], make: (recipe) => adamW({ weightDecay: recipe.weightDecay }) },
} as const satisfies Record<string, OptimizerEntry>;

/** The name of an optimiser. */
export type OptimizerName = keyof typeof optimizers;

/** The schedules by name. */
export const schedules = {
  constant: ({ learningRate }) => constant(learningRate),
  cosine: ({ learningRate, epochs }) => cosine({ learningRate, epochs }),
  /** A tenth every 64 epochs, as in the paper's Table 7. */
  step: ({ learningRate }) => stepDecay({ learningRate, epochs: 64, gamma: 0.1 }),
} as const satisfies Record<string, (recipe: Recipe) => Schedule>;

/** The name of a schedule. */
export type ScheduleName = keyof typeof schedules;

/** The losses by name. */
export const losses = {
  "cross-entropy": crossEntropy,
  "cross-entropy-per-step": crossEntropyPerStep,
} as const;

/** The name of a loss. */
export type LossName = keyof typeof losses;

/** The transform of a model's gradients that a recipe says. */
export function optimizerOf(recipe: Recipe, model: Module): Transform {
  const { clipNorm, neuronRate } = recipe;
  const learned = neuronParameters(model);
  return chain(
    ...(clipNorm === undefined ? [] : [clipByGlobalNorm(clipNorm)]),
    optimizers[recipe.optimizer].make(recipe),
    ...(neuronRate === 1 ? [] : [scaleBy((name) => (learned.has(name) ? neuronRate : 1))]),
  );
}

/**
 * `min(1, 0.005 / η)`: the `neuronRate` that keeps the learning rate of PLIF's w at 0.005 or below.
 *
 * The gradient of w is a sum over all neurons and steps of a layer: at the paper's rates it drives τ away within some steps.
 * The published runs were spared: a bug in their neurons' kernel lost most of that sum (SpikingJelly issue 151).
 *
 * @param learningRate η, above 0
 *
 * @example
 * boundedNeuronRate(0.02); // 0.25
 * boundedNeuronRate(0.001); // 1
 */
export function boundedNeuronRate(learningRate: number): number {
  return Math.min(1, 0.005 / learningRate);
}

/**
 * The full names of the learned parameters of neurons, which `neuronRate` scales: time constants, thresholds and the like of
 * neurons with a state, such as PLIF's w. A gradient sums over all neurons and steps that a parameter serves, and its step is
 * of the size of the parameter itself. The weights of parallel neurons are none: they are a matrix over time, which the
 * network learns like those of its linear layers.
 */
export function neuronParameters(model: Module): ReadonlySet<string> {
  const layers = [...namedModules(model)].map(([, module]) => module).filter(hasState);
  const learned = new Set(layers.flatMap(({ parameters = {} }) => Object.values(parameters)));
  return new Set([...namedParameters(model)].filter(([, variable]) => learned.has(variable)).map(([name]) => name));
}

/** Whether a module is a layer of neurons with a state, not of parallel ones. */
function hasState(module: Module): boolean {
  const neuron = neuronOf(module);
  return neuron !== undefined && "stateNames" in neuron;
}

/** The learning rates that a recipe says. */
export function scheduleOf(recipe: Recipe): Schedule {
  const schedule = schedules[recipe.schedule](recipe);
  return recipe.warmup === 0 ? schedule : warmup({ epochs: recipe.warmup }, schedule);
}

/** The loss of training: smoothed, where the recipe says so. */
export function lossOf({ loss, labelSmoothing }: Pick<Recipe, "loss" | "labelSmoothing">): Loss {
  return (logits, labels) => losses[loss](logits, labels, { labelSmoothing });
}
