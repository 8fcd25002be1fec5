/** @file What an experiment is: its recipes, its data, its model. */
import type { CheckedData, EventDataset, Source, Transform } from "@sew/datasets";
import type { Module } from "@sew/layers";
import type { EpochMetrics, Evaluation } from "@sew/training";
import type { OwnOption } from "./choices.js";
import type { BuiltModel, NamedNeurons } from "./model.js";
import type { Section } from "./report.js";
import type { Recipe, Settings } from "./settings.js";

/** Shows how far a slow preparation is. */
export type Preparation = (what: string) => (done: number, total: number) => void;

/** The samples of a data set. */
export interface Sources {
  readonly train: Source;
  /** Chooses the best epoch. @defaultValue none, or what `--validation` holds out of `train` */
  readonly validation?: Source | undefined;
  /** Measures the best epoch. @defaultValue none */
  readonly test?: Source | undefined;
}

/** What the command line gives, on which a recipe may depend. */
export type Chosen<Own extends object = object> = Partial<Settings & Own> & Pick<Settings, "dataset" | "block">;

/** A data set of an experiment: what all have, and one way to open it. */
export type ExperimentDataset<Own extends object = object> = DatasetDescription<Own> &
  (
    | {
        /** Opens its samples, making what is missing. */
        open(settings: Settings & NoInfer<Own>, progress: Preparation): Sources | Promise<Sources>;
        readonly recordings?: undefined;
      }
    | {
        /**
         * Opens its recordings. Those of `"train"` and `"test"` are cut into `frames` by `by`, once, in the cache; without
         * recordings these two settings are refused.
         */
        recordings(settings: Settings & NoInfer<Own>, progress: Preparation): EventDataset | Promise<EventDataset>;
        readonly open?: undefined;
      }
  );

/** What an experiment says of any data set. */
export interface DatasetDescription<Own extends object = object> {
  /** What reports call it, such as `"DVS128 Gesture"`. */
  readonly title: string;
  /** Whether it needs `--data`, a folder. @defaultValue `false` */
  readonly needsData?: boolean;
  /**
   * Options that this data set uses and others may not: one that any data set names is refused with those that do not name it.
   * `"truncated"` is only there for those that name it.
   * @defaultValue none
   */
  readonly uses?: readonly (keyof NoInfer<Own> | "truncated")[];
  /**
   * Whether samples are sequences of frames, so that `--steps` has no effect. @defaultValue `true` with `recordings`, `false` with
   * `open`
   */
  readonly sequences?: boolean;
  /** Transforms of training samples; random temporal delete for `trainFrames` comes before. @defaultValue none */
  transforms?(settings: Settings & NoInfer<Own>): readonly Transform[];
  /** Transforms of all samples, behind those of training samples, such as a normalisation. @defaultValue none */
  allTransforms?(settings: Settings & NoInfer<Own>): readonly Transform[];
  /**
   * What `--check-data` reads. Define it where `open` caches or selects samples, or makes missing ones, and where splits open
   * one by one: a promise that rejects is a problem of its split alone.
   *
   * @defaultValue what `recordings` or `open` returns
   */
  checked?(settings: Settings & NoInfer<Own>): CheckedData | Promise<CheckedData>;
  /** How the experiment trains on it. An option of the command line has precedence. @defaultValue the kit's defaults */
  recipe?(chosen: Chosen<NoInfer<Own>>): Partial<Recipe & NoInfer<Own>>;
  /** The name of `recipe` for `--preset` and in `config.json`, such as `"paper"`. @defaultValue `"own"` */
  readonly recipeName?: string;
  /** Other recipes by the names that `--preset` takes; what one leaves out is that of `recipe`. @defaultValue none */
  readonly presets?: Readonly<Record<string, (chosen: Chosen<NoInfer<Own>>) => Partial<Recipe & NoInfer<Own>>>>;
  /** What a reader of its reports must know first. @defaultValue none */
  readonly notes?: readonly string[];
}

/** A run that is over, for its sections of the report. */
export interface FinishedRun<Own extends object = object> {
  readonly settings: Settings & Own;
  /** With the weights of the best epoch. */
  readonly model: Module;
  readonly notation: string;
  readonly sources: Sources;
  readonly history: readonly EpochMetrics[];
  /** On the test data, else the validation data, with the best weights; undefined with neither. */
  readonly evaluation?: Evaluation | undefined;
}

/** Numbers that an experiment measures besides those of training, by name. */
export type Measures = Readonly<Record<string, readonly number[]>>;

/** One of the runs of a {@link Comparison}. */
export interface ComparedRun {
  /** What tables and legends call it. */
  readonly name: string;
  /**
   * Options that set it apart, as on the command line: `["--block", "plain"]`. Where they have no effect, or make the same run
   * as another's, the run is left out of the comparison.
   */
  readonly options: readonly string[];
  /**
   * Whether it may diverge: a loss, gradient or weight that is not finite is then its result, and no failure.
   * @defaultValue `false`
   */
  readonly mayDiverge?: boolean;
}

/** What came of the runs of a comparison. */
export interface ComparedResult extends ComparedRun {
  /** Where the runs of these seeds diverged, as they may. */
  readonly diverged: readonly { readonly seed: number; readonly text: string }[];
  /** One for each other seed whose run has ended by itself. */
  readonly runs: readonly {
    readonly seed: number;
    readonly history: readonly EpochMetrics[];
    /** Those of {@link Experiment.measures}. */
    readonly measures: Measures;
  }[];
}

/** A sentence of a comparison, and whether its results bear it out. */
export interface Claim {
  readonly text: string;
  readonly holds: boolean;
}

/** Runs that belong together, such as a row or a figure of a paper. Each is made once per seed, in a process of its own. */
export interface Comparison {
  /** The heading of its report. */
  readonly title: string;
  readonly runs: readonly ComparedRun[];
  /** @defaultValue `[0]` */
  readonly seeds?: readonly number[];
  /** Threads of each run; as many runs go on at a time as the cores allow. @defaultValue all cores for one run at a time */
  readonly threads?: number;
  /**
   * What the results must show, where no run failed or is left out; where they do not, the command ends with status 1.
   * @defaultValue nothing
   */
  claims?(results: readonly ComparedResult[]): readonly Claim[];
  /** Sections of its report behind the table, where no run failed or is left out. @defaultValue curves of training loss and accuracy */
  sections?(results: readonly ComparedResult[]): readonly Section[] | Promise<readonly Section[]>;
}

/** An experiment; see {@link defineExperiment}. */
export interface Experiment<Own extends object = object> {
  /** Lower-case words joined by `-`; names the folder of its runs. */
  readonly name: string;
  /** Sentences for `--help`. */
  readonly description: string;
  /** The data sets by the names that `--dataset` takes; the first is the default. */
  readonly datasets: Readonly<Record<string, ExperimentDataset<NoInfer<Own>>>>;
  /**
   * The network: in the paper's notation, or built with its name. In a notation `SEW` stands for `--block`, and its
   * neurons become those of `--neuron`. `--model` comes in its place.
   */
  model(settings: Settings & NoInfer<Own>, source: Source): string | BuiltModel;
  /**
   * Neurons of its own by their names in the notation, such as `Adaptive`, which `--neuron` takes as `adaptive`: for each,
   * what makes its layers with a surrogate, such as `(spike) => neurons(model, {}, spike)`. A name that the notation has gets
   * another meaning. @defaultValue none
   */
  readonly neurons?: NamedNeurons;
  /** Options of its own by their names in the settings: `blocks` is `--blocks`. @defaultValue none */
  readonly options?: { readonly [K in keyof Own]: OwnOption<Own[K]> };
  /** Options of its own that `model` alone uses: refused with `--model`, which comes in its place. @defaultValue none */
  readonly modelUses?: readonly (keyof NoInfer<Own>)[];
  /** Runs that belong together, by the names that `--compare` takes. @defaultValue none */
  readonly comparisons?: Readonly<Record<string, Comparison>>;
  /** The comparison that the experiment makes without `--compare`. @defaultValue none: a single run */
  readonly compares?: string;
  /** What it measures of a finished run, for its numbers and comparisons. @defaultValue nothing */
  measures?(run: FinishedRun<NoInfer<Own>>): Measures | Promise<Measures>;
  /** Sections of its own in the report of a finished run. @defaultValue none */
  sections?(run: FinishedRun<NoInfer<Own>>): readonly Section[] | Promise<readonly Section[]>;
}

/**
 * Defines an experiment: data sets with recipes, and a model. `runExperiment` gives it a command line, run folders,
 * training, evaluation and reports.
 *
 * @throws RangeError when it has no data set, and, when it is run, when an option of its own has the name of one of the kit's;
 * TypeError when a data set has not exactly one of `open` and `recordings`
 *
 * @example
 * const stripes = defineExperiment({
 *   name: "stripes",
 *   description: "Rows and columns.",
 *   options: { width: integer("channels", { least: 1, default: 8 }) },
 *   datasets: {
 *     pictures: {
 *       title: "Pictures of stripes",
 *       recipe: () => ({ epochs: 5, learningRate: 0.01, width: 16 }),
 *       open: async ({ data = "pictures" }) => ({ train: await imageFolder(data, { height: 8, width: 8 }) }),
 *     },
 *   },
 *   model: ({ width }, { classes }) => `c${width}k3s1-BN-PLIF-SEW Block(c${width})-FC${classes.length}`,
 * });
 * stripes.name; // "stripes"
 */
export function defineExperiment<Own extends object = object>(definition: Experiment<Own>): Experiment<Own> {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(definition.name)) {
    throw new RangeError(`defineExperiment: name must be lower-case words joined by "-", got ${definition.name}`);
  }
  if (Object.keys(definition.datasets).length === 0) {
    throw new RangeError("defineExperiment: datasets must have one entry or more, got none");
  }
  for (const [name, { open, recordings }] of Object.entries<ExperimentDataset<Own>>(definition.datasets)) {
    if ((open === undefined) !== (recordings === undefined)) continue;
    const got = open === undefined ? "neither" : "both";
    throw new TypeError(`defineExperiment: the data set ${name} must have open or recordings, got ${got}`);
  }
  return definition;
}
