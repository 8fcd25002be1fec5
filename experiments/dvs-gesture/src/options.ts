/** @file The command line. */
import { type Precision, precisions } from "@sew/backend-native";
import { backendNames } from "@sew/backends";
import { findBackendFactory } from "@tensorflow/tfjs-core";
import { Command, InvalidArgumentError, Option } from "commander";
import { closest, distance } from "fastest-levenshtein";
import {
  type BlockName,
  blocks,
  type DatasetName,
  datasets,
  optimizers,
  type Recipe,
  recipe,
  type ScheduleName,
  schedules,
} from "./recipes.js";

/** Every setting of a run, complete. */
export interface Settings extends Recipe {
  readonly dataset: DatasetName;
  readonly block: BlockName;
  readonly data: string;
  readonly cache: string;
  readonly out: string;
  readonly backend: string;
  readonly seed: number;
  readonly lenientLabels: boolean;
  readonly workers: number;
  /** What the convolutions' dense products are made of; `SEW_PRECISION`'s unless given. */
  readonly precision?: Precision;
  /** Whether training keeps spikes alone for the way back: the same run, in less memory and more time. */
  readonly recompute: boolean;
  readonly resume: boolean;
  readonly json?: string;
}

/** A parser of one of several words, which suggests the nearest for any other. */
export function oneOf<const T extends string>(choices: readonly T[]): (text: string) => T {
  return (text) => {
    const found = choices.find((choice) => choice === text);
    if (found !== undefined) return found;
    const near = closest(text, [...choices]);
    const suggestion = distance(text, near) <= 3 ? ` Did you mean ${near}?` : "";
    throw new InvalidArgumentError(`It must be one of ${choices.join(", ")}.${suggestion}`);
  };
}

/** A parser of integers of at least `least`. */
export function integer(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be an integer of at least ${least}.`);
    }
    return value;
  };
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError("It must be a number above 0.");
  return value;
}

function choice<const T extends string>(flags: string, description: string, choices: readonly T[]): Option {
  return new Option(flags, `${description}: ${choices.join(", ")}`).argParser(oneOf(choices));
}

/** One of ours, or one that a module registered with TensorFlow.js. */
function backendName(text: string): string {
  return findBackendFactory(text) ? text : oneOf(backendNames)(text);
}

function command(): Command {
  return new Command("pnpm experiment dvs-gesture")
    .description(
      "Trains 7B-Net on event recordings and writes a report: accuracy and loss curves, confusion matrix, firing rates.\n" +
        "What is not given is the paper's (Tables 7 and 8) for dvs-gesture, and a smaller recipe for the others.",
    )
    .addOption(choice("--dataset <name>", "recordings to train on", datasets).default("dvs-gesture"))
    .option("--data <dir>", "folder of the recordings; synthetic ones are made there when it is empty")
    .addOption(choice("--block <name>", "residual block", blocks).default("sew-add"))
    .option("--out <dir>", "folder of the run (default: runs/dvs-gesture/<dataset>-<block>)")
    .option("--cache <dir>", "folder of the integrated frames", "runs/cache")
    .addOption(choice("--backend <name>", "what computes", backendNames).argParser(backendName).default("native"))
    .addOption(choice("--precision <name>", "dense products, with float32 sums and weights", precisions))
    .option("--epochs <n>", "passes over the training samples", integer(1))
    .option("--batch <n>", "samples per training step", integer(1))
    .addOption(choice("--optimizer <name>", "what updates the weights", optimizers))
    .option("--lr <rate>", "learning rate at the start", positive)
    .option("--clip-norm <length>", "shorten gradients that are longer together", positive)
    .addOption(choice("--schedule <name>", "how the learning rate falls", schedules))
    .option("--frames <T>", "frames that each recording is cut into", integer(1))
    .option("--train-frames <T>", "frames that a training batch keeps (random temporal delete)", integer(1))
    .addOption(choice("--by <what>", "frames of equal event count or equal time", ["count", "time"]))
    .option("--learn-tau", "let each neuron layer learn its time constant (default: up to a learning rate of 0.005)")
    .option("--no-learn-tau", "keep the neurons' time constant at 2")
    .option("--lenient-labels", "warn of labels that overlap or lie outside a recording, instead of stopping")
    .option("--seed <n>", "where all random choices start", integer(0), 0)
    .option("--workers <n>", "threads that prepare batches", integer(0), 1)
    .option("--recompute", "keep spikes alone for the way back: the same numbers in less memory and more time")
    .option("--resume", "go on from the run folder's last checkpoint")
    .option("--json <file>", "write the final numbers here")
    .showHelpAfterError("(--help lists the options)");
}

/** Reads the command line; ends the process with a message where it is wrong. */
export function parseOptions(argv: readonly string[]): Settings {
  const program = command();
  program.parse([...argv], { from: "user" });
  const { data, out, json, lenientLabels, recompute, resume, ...given } = program.opts<
    Partial<Recipe> & {
      dataset: DatasetName;
      block: BlockName;
      data?: string;
      out?: string;
      json?: string;
      cache: string;
      backend: string;
      precision?: Precision;
      seed: number;
      workers: number;
      schedule?: ScheduleName;
      lenientLabels?: true;
      recompute?: true;
      resume?: true;
    }
  >();
  const { dataset, block, frames } = given;
  if (data === undefined && dataset !== "synthetic") {
    program.error(`error: --dataset ${dataset} needs --data <dir>, the folder of its recordings`);
  }
  const defaults = recipe(dataset, block);
  const settings: Settings = {
    ...defaults,
    // Fewer frames than the recipe keeps: keep them all.
    ...(frames !== undefined && { trainFrames: Math.min(frames, defaults.trainFrames) }),
    ...given,
    data: data ?? "runs/data/synthetic-gestures",
    out: out ?? `runs/dvs-gesture/${dataset}-${block}`,
    lenientLabels: lenientLabels === true,
    recompute: recompute === true,
    resume: resume === true,
    ...(json !== undefined && { json }),
  };
  if (settings.trainFrames > settings.frames) {
    program.error(`error: --train-frames must be at most --frames (${settings.frames}), got ${settings.trainFrames}`);
  }
  return settings;
}
