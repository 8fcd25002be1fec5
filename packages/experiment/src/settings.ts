/** @file The settings of a run: what a recipe decides, and what the command line adds. */
import type { SplitBy } from "@sew/datasets";
import type { FamilyName } from "@sew/models";
import type { SurrogateName } from "./model.js";
import type { LossName, OptimizerName, ScheduleName } from "./optimization.js";

/** How a network is trained on a data set. Each has an option on the command line. */
export interface Recipe {
  /** Neurons by their name on the command line, in the place of those of the notation. @defaultValue those of the notation */
  readonly neuron?: string | undefined;
  /** Precision of dense products. @defaultValue that of the environment variable `SEW_PRECISION`, else float32 */
  readonly precision?: string | undefined;
  /** Whether every residual block starts as an identity. @defaultValue `false` */
  readonly zeroInit: boolean;
  /** Surrogate of the spikes' derivative. @defaultValue the paper's `atan` with α = 2 */
  readonly surrogate?: SurrogateName | undefined;
  /** Passes over the training samples; 1 or more. @defaultValue 10 */
  readonly epochs: number;
  /** Samples of a training batch; 1 or more. @defaultValue 16 */
  readonly batch: number;
  /** Batches per update; 1 or more. @defaultValue 1 */
  readonly accumulate: number;
  /** @defaultValue `"sgd"` */
  readonly optimizer: OptimizerName;
  /** Learning rate at the start, 0 or more. @defaultValue 0.001 */
  readonly learningRate: number;
  /** Momentum μ of `sgd`, in [0, 1). @defaultValue 0.9 */
  readonly momentum: number;
  /** Nesterov's variant of `sgd`. @defaultValue `false` */
  readonly nesterov: boolean;
  /** Weight decay λ, 0 or more. @defaultValue 0 */
  readonly weightDecay: number;
  /** Maximum global L2 norm of the gradients, above 0. @defaultValue no clipping */
  readonly clipNorm?: number | undefined;
  /**
   * Factor of the learning rate for learned parameters of neurons, such as the w of PLIF, but not for the weights of parallel
   * neurons; 0 or more. @defaultValue 1
   */
  readonly neuronRate: number;
  /** Label smoothing ε, in [0, 1). @defaultValue 0 */
  readonly labelSmoothing: number;
  /** @defaultValue `"cross-entropy"` */
  readonly loss: LossName;
  /** How the learning rate falls. @defaultValue `"constant"` */
  readonly schedule: ScheduleName;
  /** Epochs of linear warm-up, 0 or more. @defaultValue 0 */
  readonly warmup: number;
  /** Decay of an exponential moving average of the weights, in [0, 1). @defaultValue no average */
  readonly ema?: number | undefined;
  /** Frames T that each recording is cut into, 1 or more. @defaultValue 16 for recordings, else none */
  readonly frames?: number | undefined;
  /** Time-steps for which a network sees a still image, 1 or more. @defaultValue 4, the paper's */
  readonly steps: number;
  /** Frames that a training batch keeps (random temporal delete), at most `frames`. @defaultValue `"all"` */
  readonly trainFrames?: number | "all" | undefined;
  /** How recordings are cut into frames. @defaultValue `"count"` for recordings, else none */
  readonly by?: SplitBy | undefined;
  /** Part of the training samples that is held out to choose the best epoch, in (0, 1). @defaultValue none */
  readonly validation?: number | undefined;
  /** Epochs without improvement after which the run ends, 1 or more. @defaultValue the run never ends early */
  readonly earlyStopping?: number | undefined;
}

/** Every setting of a run. */
export interface Settings extends Recipe {
  readonly dataset: string;
  /** Name of the recipe. @defaultValue that of the data set's first one */
  readonly preset: string;
  /** Residual block: the word `SEW` of a notation stands for it. @defaultValue `"sew-add"` */
  readonly block: FamilyName;
  /** Folder of the data. @defaultValue none */
  readonly data?: string | undefined;
  /** What to do about a recording that ends too early: refuse it, or keep its events up to there. @defaultValue `"refuse"` */
  readonly truncated?: "refuse" | "keep" | undefined;
  /** Folder for what is made of the data, such as integrated frames. @defaultValue `"runs/cache"` */
  readonly cache: string;
  /** Folder of the run. */
  readonly out: string;
  /** File of weights to start from, or to evaluate. @defaultValue none */
  readonly weights?: string | undefined;
  /** Parts of the model that the file of weights leaves as they are, such as `["classifier"]`. */
  readonly weightsExcept: readonly string[];
  /** Network in the paper's notation, in the place of the experiment's. @defaultValue none */
  readonly model?: string | undefined;
  /** @defaultValue `"native"` */
  readonly backend: string;
  /** Seed of all random choices, an integer of at least 0. @defaultValue 0 */
  readonly seed: number;
  /** Threads that prepare batches, 0 or more. @defaultValue 1 */
  readonly workers: number;
  /** Whether the backward pass computes currents again instead of keeping them. @defaultValue `false` */
  readonly recompute: boolean;
}

/** The recipe of an experiment that gives none. */
export const baseRecipe: Recipe = {
  zeroInit: false,
  epochs: 10,
  batch: 16,
  accumulate: 1,
  optimizer: "sgd",
  learningRate: 0.001,
  momentum: 0.9,
  nesterov: false,
  weightDecay: 0,
  neuronRate: 1,
  labelSmoothing: 0,
  loss: "cross-entropy",
  schedule: "constant",
  warmup: 0,
  steps: 4,
};

/** What a recipe of recordings has besides. */
export const recordingRecipe = { frames: 16, trainFrames: "all", by: "count" } as const satisfies Partial<Recipe>;
