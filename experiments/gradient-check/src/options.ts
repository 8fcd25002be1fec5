/** @file The command line. */
import { type BackendName, backendNames } from "@sew/backends";
import { printable } from "@sew/kernels";
import { type ResNetDepth, resNetDepths } from "@sew/models";
import { Command, InvalidArgumentError, Option } from "commander";
import { type Figure, figures } from "./networks.js";

/** What the command line says. */
export interface Options {
  readonly data?: string;
  readonly depth: ResNetDepth;
  readonly size: number;
  readonly steps: number;
  readonly batch: number;
  readonly seed: number;
  readonly figure: readonly Figure[];
  readonly backend: BackendName;
  readonly out?: string;
  readonly overwrite: boolean;
}

function integer(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be an integer of at least ${least}.`);
  };
}

function oneOf<T extends number>(values: readonly T[]): (text: string) => T {
  return (text) => {
    const found = values.find((value) => String(value) === text.trim());
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`It must be one of ${values.join(", ")}.`);
  };
}

const figureNumbers = Object.keys(figures).map(Number) as Figure[];

/** Reads the command line; ends the process with a message and status 2 where it is wrong. */
export function parseOptions(argv: readonly string[]): Options {
  const figure = oneOf(figureNumbers);
  const program = new Command("gradient-check")
    .description(
      "Firing rates and gradient norms of each block of Spiking, SEW ADD, SEW AND and SEW IAND ResNets before training, " +
        "with and without zero-init (Figs. 5 to 8), and what the paper says of them, checked. Stopped, the same command " +
        "goes on.",
    )
    .option("--data <dir>", "folder of images (default: synthetic images)")
    .addOption(
      new Option("--depth <n>", `layers with weights: ${resNetDepths.join(", ")}`)
        .argParser(oneOf(resNetDepths))
        .default(152),
    )
    .option("--size <pixels>", "height and width of the images", integer(32), 224)
    .option("--steps <T>", "time-steps for which a network sees its images", integer(1), 4)
    .option("--batch <N>", "images", integer(1), 4)
    .option("--seed <n>", "seed of the initial weights", integer(0), 0)
    .addOption(
      new Option(
        "--figure <n>",
        `figure of the paper: ${figureNumbers
          .map((n) => `${n} (V_th = ${figures[n].vThreshold}, α = ${figures[n].alpha})`)
          .join(", ")}; repeatable (default: all)`,
      ).argParser((text: string, before: readonly Figure[] = []) => [...new Set([...before, figure(text)])].sort()),
    )
    .addOption(new Option("--backend <name>", "what computes").choices(backendNames).default("native"))
    .option("--out <dir>", "folder for the report (default: a new one under runs/gradient-check)")
    .option("--overwrite", "replace what --out holds", false)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .configureOutput({ writeErr: (text) => process.stderr.write(printable(text)) })
    .showHelpAfterError("(--help lists the options)");
  program.parse([...argv], { from: "user" });
  const { figure: chosen = figureNumbers, ...options } = program.opts<Omit<Options, "figure"> & Partial<Options>>();
  return { ...options, figure: chosen };
}
