/** @file The command line: every option of the kit once, and those of the experiment. */

import { backendNames } from "@sew/backends";
import { printable } from "@sew/kernels";
import { findBackendFactory } from "@tensorflow/tfjs-core";
import { Command, Option } from "commander";
import { type OwnOption, oneOf, parseFrames, parseInteger, parseNumber, parseSeeds } from "./choices.js";
import type { Chosen, Experiment } from "./experiment.js";
import { familyNames, neuronNames, surrogateNames } from "./model.js";
import { losses, optimizers, schedules } from "./optimization.js";
import { baseRecipe, type Recipe, recordingRecipe, type Settings } from "./settings.js";
import { unusedIn, usersOf } from "./unused.js";

/** What to do with the settings. */
export interface Actions {
  /** The folder of the run as the command line has it. @defaultValue the kit chooses one */
  readonly out?: string;
  readonly overwrite?: boolean;
  readonly resume?: boolean;
  readonly evaluate?: boolean;
  /** Test samples whose firing rates `evaluate` measures, in the place of the accuracy. */
  readonly firingRates?: number;
  /** Name of a comparison, or `none`; true for the first one. */
  readonly compare?: string | true;
  readonly seeds?: readonly number[];
  readonly jobs?: number;
  /** Folder of data to be checked. */
  readonly checkData?: string;
  /** File for the final numbers. */
  readonly json?: string;
}

/** What the command line says. */
export type Given<Own> = Partial<Settings & Own> &
  Actions &
  Pick<Settings, "dataset" | "block"> & {
    /** Names of what the arguments themselves say, and neither a `config.json` nor a default. */
    readonly said: ReadonlySet<string>;
  };

/** Options that do not belong to a run, so that no later command takes them from its `config.json`. */
const actions: readonly string[] = [
  "out",
  "overwrite",
  "resume",
  "evaluate",
  "firingRates",
  "compare",
  "seeds",
  "jobs",
  "checkData",
  "json",
];

const words = (record: object): string[] => Object.keys(record);

function named<T extends string>(flags: string, description: string, names: readonly T[]): Option {
  return new Option(flags, `${description}: ${names.join(", ")}`).argParser(oneOf(names));
}

/** One of the backends of `useBackend`, or one that a module registered with TensorFlow.js. */
function backendName(text: string): string {
  return findBackendFactory(text) ? text : oneOf(backendNames)(text);
}

function option(flags: string, description: string, parse?: (text: string) => unknown): Option {
  const made = new Option(flags, description);
  return parse === undefined ? made : made.argParser(parse);
}

/** The names of the recipes of a data set, that of its own first. */
function presetsOf({ recipeName = "own", presets = {} }: { readonly recipeName?: string; readonly presets?: object }) {
  return [recipeName, ...words(presets)];
}

/** The options of the kit. */
function kitOptions(
  { datasets, comparisons = {}, neurons }: Pick<Experiment, "datasets" | "comparisons" | "neurons">,
  precisions: readonly string[],
): Option[] {
  const presets = [...new Set(Object.values(datasets).flatMap(presetsOf))];
  const fraction = parseNumber({ above: 0, below: 1 });
  const decay = parseNumber({ least: 0, below: 1 });
  return [
    named("--dataset <name>", "data to train on", words(datasets)).default(words(datasets)[0]),
    option("--data <dir>", "folder of the data"),
    option("--check-data <dir>", "read every sample of this folder instead of training, and report what is wrong"),
    option("--cache <dir>", "folder for what is made of the data, such as frames").default("runs/cache"),
    option("--out <dir>", "folder of the run (default: a new one under runs/)"),
    option("--overwrite", "replace the run that the folder holds"),
    option("--resume", "continue the folder's run, with its settings"),
    option("--evaluate", "test the best weights of the folder's run, or --weights, without training"),
    option(
      "--firing-rates <samples>",
      "with --evaluate: the firing rates of so many test samples, not the accuracy",
      parseInteger(1),
    ),
    option("--weights <file>", "weights to start from, or to evaluate"),
    option("--weights-except <name>", "part of the model that keeps its initial weights; repeatable").argParser(
      (text: string, before: readonly string[] = []) => [...before, text],
    ),
    named("--preset <name>", "recipe; that of the data set comes first", presets),
    option("--model <notation>", 'network, such as "c32k3s1-BN-PLIF-{SEW Block(c32)-MPk2s2}*7-FC11"'),
    named("--block <name>", "residual block", familyNames).default("sew-add"),
    named("--neuron <name>", "neurons", neuronNames(neurons)),
    option("--zero-init", "start every residual block as an identity"),
    option("--no-zero-init", "start them with the usual weights"),
    named("--surrogate <name>", "surrogate derivative of spikes", surrogateNames),
    named("--backend <name>", "what computes", backendNames).argParser(backendName).default("native"),
    named("--precision <name>", "precision of dense products; sums and weights are float32", precisions),
    option("--epochs <n>", "passes over the training samples", parseInteger(1)),
    option("--batch <n>", "samples per training batch", parseInteger(1)),
    option("--accumulate <n>", "batches per update", parseInteger(1)),
    named("--optimizer <name>", "what updates the weights", words(optimizers)),
    option("--lr, --learning-rate <rate>", "learning rate at the start", parseNumber({ least: 0 })),
    option("--momentum <mu>", "momentum of sgd", decay),
    option("--nesterov", "Nesterov's momentum, with sgd"),
    option("--no-nesterov", "plain momentum"),
    option("--weight-decay <lambda>", "weight decay", parseNumber({ least: 0 })),
    option("--clip-norm <norm>", "maximum global L2 norm of the gradients", parseNumber({ above: 0 })),
    option(
      "--neuron-rate <factor>",
      "learning rate of what neurons learn, such as PLIF's w, as a factor of the others'",
      parseNumber({ least: 0 }),
    ),
    option("--label-smoothing <epsilon>", "label smoothing", decay),
    named("--loss <name>", "loss", words(losses)),
    named("--schedule <name>", "how the learning rate falls", words(schedules)),
    option("--warmup <epochs>", "epochs of linear warm-up", parseInteger(0)),
    option("--ema <decay>", "evaluate with an exponential moving average of the weights", decay),
    option("--frames <T>", "frames that each recording is cut into", parseInteger(1)),
    option("--train-frames <T>", "frames that a training batch keeps (random temporal delete), or all", parseFrames),
    option("--steps <T>", "time-steps for which the network sees a still image", parseInteger(1)),
    named("--by <what>", "frames of equal event count or equal time", ["count", "time"]),
    named("--truncated <what>", "a recording that ends too early, or what there is of it", ["refuse", "keep"]),
    option("--validation <fraction>", "part of the training samples that chooses the best epoch", fraction),
    option("--early-stopping <epochs>", "end after so many epochs without improvement", parseInteger(1)),
    ...(words(comparisons).length === 0
      ? [
          option("--compare <name>", "none, a single run")
            .argParser(oneOf(["none"]))
            .hideHelp(),
        ]
      : [named("--compare [name]", "make runs that belong together, and one report", [...words(comparisons), "none"])]),
    option("--seeds <list>", "make the run with each of these seeds, such as 0,1,2, and one report", parseSeeds),
    option("--jobs <n>", "runs at a time of --compare and --seeds", parseInteger(1)),
    option("--seed <n>", "seed of all random choices", parseInteger(0)).default(0),
    option("--workers <n>", "threads that prepare batches", parseInteger(0)).default(1),
    option("--recompute", "compute currents again in the backward pass: the same run, less memory, more time"),
    option("--no-recompute", "keep them"),
    option("--json <file>", "write the final numbers here"),
  ];
}

const kebab = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The option of a setting. */
export const longOf = (name: string): string => `--${kebab(name)}`;

/** What is said of an option without an effect. */
export function noEffect(name: string, why: string): string {
  return `${longOf(name)} has no effect ${why}`;
}

/** The options of an experiment's own. */
function ownOptions(options: Readonly<Record<string, OwnOption<unknown>>>): Option[] {
  return Object.entries(options).flatMap(([name, { description, value, parse, default: initial }]) => {
    const long = longOf(name);
    if (value !== undefined) return [option(`${long} ${value}`, `${description} (default: ${initial})`, parse)];
    return [option(long, description), option(`--no-${kebab(name)}`, `not ${long}`)];
  });
}

/** An option whose help names the data sets that it is for; undefined where it is for none. */
function offered(experiment: Experiment, each: Option): Option | undefined {
  const users = usersOf(experiment, each.attributeName());
  if (users.with.length === 0) return undefined;
  const [word, names] = users.with.length > users.without.length ? ["not ", users.without] : ["", users.with];
  if (users.without.length > 0) each.description += ` (${word}with --dataset ${names.join(", ")})`;
  return each;
}

function command<Own extends object>(experiment: Experiment<Own>, precisions: readonly string[]): Command {
  const { name, description, options = {} } = experiment;
  const program = new Command(name)
    .description(`${description}\nA recipe sets what no option does; it depends on the data set and the block.`)
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(printable(text)) })
    .showHelpAfterError("(--help lists the options)");
  const any = experiment as unknown as Experiment;
  const add = (each: Option): void => {
    const shown = offered(any, each);
    if (shown !== undefined) program.addOption(shown);
  };
  for (const each of kitOptions(any, precisions)) add(each);
  const own = ownOptions(options as Readonly<Record<string, OwnOption<unknown>>>);
  for (const each of own) {
    const taken = program.options.some(({ long, short }) => long === each.long || short === each.long);
    if (taken) throw new RangeError(`defineExperiment: options must have names of their own, got ${each.long}`);
    add(each);
  }
  return program;
}

/** The command line of an experiment. */
export interface CommandLine<Own> {
  /** What the arguments say, on top of a `config.json`. Throws `CommanderError`, after a message, where they are wrong. */
  parse(argv: readonly string[], config?: Readonly<Record<string, unknown>>): Given<Own>;
  /** The arguments that give the settings of a command line again, without its actions. */
  rest(given: Given<Own>): string[];
  /** All settings: those of the arguments, then of the recipe, then the defaults. Throws as `parse`, and as `refuse`. */
  settings(given: Given<Own>, out: string): Settings & Own;
  /** Settings that the arguments say although they have no effect, and why. */
  unused(given: Given<Own>): ReadonlyMap<string, string>;
  /** Throws as `parse` where the arguments say one of these settings, which have no effect for these reasons. */
  refuse(given: Given<Own>, unused: ReadonlyMap<string, string>): void;
}

/**
 * The command line of an experiment.
 *
 * @param precisions what `--precision` takes
 */
export function commandLine<Own extends object>(
  experiment: Experiment<Own>,
  precisions: readonly string[],
): CommandLine<Own> {
  const fail = (message: string): never => command(experiment, precisions).error(`error: ${message}`, { exitCode: 2 });
  const own = Object.entries((experiment.options ?? {}) as Readonly<Record<string, OwnOption<unknown>>>);
  /** With what flags decide. */
  const fixed = (given: Given<Own>): Given<Own> => {
    let all = given;
    for (const [flag, { fixes = {} }] of own) {
      if ((given as Readonly<Record<string, unknown>>)[flag] !== true) continue;
      for (const [name, value] of Object.entries(fixes)) {
        const got = (given as Readonly<Record<string, unknown>>)[name];
        if (!given.said.has(name) || got === value) continue;
        const why = `with ${longOf(flag)}`;
        fail(value === undefined ? noEffect(name, why) : `${longOf(name)} must be ${value} ${why}, got ${got}`);
      }
      all = { ...all, ...fixes };
    }
    return all;
  };

  const refuse = ({ said }: Given<Own>, unused: ReadonlyMap<string, string>): void => {
    for (const [name, why] of unused) if (said.has(name)) fail(noEffect(name, why));
  };

  /** All settings, whether or not they have an effect. */
  const settle = (given: Given<Own>, out: string): Settings & Own => {
    const { overwrite, resume, evaluate, firingRates, compare, seeds, jobs, checkData, json, said, ...chosen } = given;
    const dataset = experiment.datasets[given.dataset]!;
    if (dataset.needsData === true && given.data === undefined) {
      fail(`--dataset ${given.dataset} needs --data <dir>, the folder of its recordings`);
    }
    const asked = chosen as unknown as Chosen<Own>;
    const names = presetsOf(dataset);
    const { preset = names[0]! } = given as Partial<Settings>;
    if (!names.includes(preset)) {
      fail(`--preset must be ${names.join(" or ")} for --dataset ${given.dataset}, got ${preset}`);
    }
    const recipe = {
      ...baseRecipe,
      ...(dataset.recordings && recordingRecipe),
      ...dataset.recipe?.(asked),
      ...dataset.presets?.[preset]?.(asked),
    };
    const defaults = {
      recompute: false,
      weightsExcept: [],
      ...Object.fromEntries(own.map(([name, option]) => [name, option.default])),
      ...recipe,
    };
    const settings = { ...defaults, ...chosen, preset, out } as unknown as Settings & Own;
    return {
      ...settings,
      trainFrames: trainFramesOf(given, recipe, dataset.recordings !== undefined),
      // The neurons of a notation on the command line stay, whatever the recipe says.
      ...(given.model !== undefined && { neuron: given.neuron }),
    };
  };

  /** Frames that training keeps: of other `--frames` than the recipe's the recipe's share. */
  const trainFramesOf = (given: Partial<Recipe>, recipe: Recipe, cut: boolean): Recipe["trainFrames"] => {
    const { frames: all = recordingRecipe.frames, trainFrames } = recipe;
    const frames = cut ? (given.frames ?? all) : undefined;
    const share =
      typeof trainFrames === "number" && frames !== undefined
        ? Math.max(1, Math.round((trainFrames * frames) / all))
        : trainFrames;
    const kept = given.trainFrames ?? share;
    if (frames !== undefined && typeof kept === "number" && kept > frames) {
      fail(`--train-frames must be at most --frames (${frames}), got ${kept}`);
    }
    if (kept === frames) return cut ? "all" : undefined;
    return kept === "all" && trainFrames === undefined ? undefined : kept;
  };

  return {
    parse(argv, config = {}) {
      const [alone, program] = [command(experiment, precisions), command(experiment, precisions)];
      alone.parse(argv, { from: "user" });
      program.parse([...argumentsOf(config, program), ...argv], { from: "user" });
      const names = alone.options.map((each) => each.attributeName());
      const cli = new Set(names.filter((name) => alone.getOptionValueSource(name) === "cli"));
      const given = fixed({ ...program.opts<Given<Own>>(), said: cli });
      if (given.resume && given.overwrite) fail("--resume and --overwrite exclude each other");
      if (given.firingRates !== undefined && !given.evaluate) fail("--firing-rates needs --evaluate");
      if (given.resume && given.evaluate) fail("--resume and --evaluate exclude each other");
      if (given.seeds !== undefined || (given.compare ?? "none") !== "none") {
        const other = (["resume", "evaluate"] as const).find((action) => given[action]);
        const option = given.seeds === undefined ? "--compare" : "--seeds";
        if (other !== undefined) fail(`${option} and --${other} exclude each other; a comparison continues by itself`);
      }
      if (given.checkData !== undefined) {
        const other = (["data", "resume", "evaluate", "compare", "seeds"] as const).find((action) => given[action]);
        if (other !== undefined) fail(`--check-data and --${other} exclude each other`);
      }
      const name = comparisonName(experiment, given);
      const many = name !== "none" || given.seeds !== undefined;
      if (many && given.said.has("seed")) fail("--seed has no effect on several runs; --seeds has");
      if (!many && given.jobs !== undefined) fail("--jobs needs --compare or --seeds");
      const runs = experiment.comparisons?.[name]?.runs.flatMap(({ options }) => namesOf(program, options)) ?? [];
      const ignored = [...given.said].find((each) => runs.includes(each));
      if (ignored !== undefined) {
        fail(`${longOf(ignored)} has no effect on --compare ${name}, whose runs have their own`);
      }
      if (Object.keys(config).length > 0 && given.said.has("preset") && given.preset !== config.preset) {
        fail("--preset has no effect on a run that exists: its settings are those of its config.json");
      }
      if (given.weightsExcept !== undefined && given.weights === undefined) fail("--weights-except needs --weights");
      return given;
    },
    rest: (given) => argumentsOf({ ...given, seed: undefined }, command(experiment, precisions)),
    settings(given, out) {
      const settings = settle(given, out);
      const unused = unusedIn(experiment as unknown as Experiment, settings);
      refuse(given, unused);
      const optional = Object.entries(settings).filter(
        ([name]) => !unused.has(name) || name in baseRecipe || own.some(([option]) => option === name),
      );
      return Object.fromEntries(optional) as unknown as Settings & Own;
    },
    unused(given) {
      const all = unusedIn(experiment as unknown as Experiment, settle(given, ""));
      return new Map([...all].filter(([name]) => given.said.has(name)));
    },
    refuse,
  };
}

/** The names of the settings that some words of a command line set. */
function namesOf(program: Command, options: readonly string[]): string[] {
  const longs = new Set(options.map((word) => word.split("=")[0]));
  return program.options.filter(({ long }) => longs.has(long!)).map((each) => each.attributeName());
}

/** The name of the comparison that a command line asks for; `none` for a single run. */
export function comparisonName<Own extends object>(
  { comparisons = {}, compares = "none" }: Pick<Experiment<Own>, "comparisons" | "compares">,
  { compare, resume, evaluate, checkData }: Given<Own>,
): string {
  if (compare === true) return words(comparisons)[0]!;
  const single = resume === true || evaluate === true || checkData !== undefined;
  return compare ?? (single ? "none" : compares);
}

/** The arguments that give the settings of a `config.json`. */
function argumentsOf(config: Readonly<Record<string, unknown>>, program: Command): string[] {
  return program.options.flatMap((option) => {
    const value = config[option.attributeName()];
    if (value === undefined || value === null || actions.includes(option.attributeName())) return [];
    if (typeof value === "boolean") return value === !option.negate ? [option.long!] : [];
    return [value].flat().map((each) => `${option.long}=${each}`);
  });
}
