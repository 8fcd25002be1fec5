/** @file The command line. */
import { printable } from "@sew/kernels";
import { Command, InvalidArgumentError } from "commander";

/** What the command line says. */
export interface Options {
  /** Folders of runs. */
  readonly runs: readonly string[];
  /** The experiment of `rest`, where there are no runs. */
  readonly experiment?: string;
  readonly samples: number;
  readonly out: string;
  readonly overwrite: boolean;
  /** Options of the experiments, such as `--data`. */
  readonly rest: readonly string[];
}

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError("It must be an integer of at least 1.");
}

/** Reads the command line; ends the process with a message and status 2 where it is wrong. */
export function parseOptions(argv: readonly string[]): Options {
  const program = new Command("firing-rates")
    .usage("RUN... [options] [options of the experiment]")
    .description(
      "Firing rates of Aˡ and Oˡ, the last neurons and the output of each block, of trained networks on test data (Figs. 4 " +
        "and 11), and how they came to be over the epochs. RUN is the folder of a run, one that still trains too, " +
        "once it has finished an epoch: its experiment, settings and data are those of its config.json. Options that are none of these go to the experiment " +
        "of every run, such as --data DIR or --weights RUN/last.safetensors.",
    )
    .option("--experiment <name>", "without RUN: the experiment that the other options, with --weights, are of")
    .option("--samples <n>", "test samples, at equal distances", positive, 256)
    .option("--out <dir>", "folder for the report", "runs/firing-rates")
    .option("--overwrite", "replace the report that --out holds", false)
    .allowUnknownOption()
    .allowExcessArguments()
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .configureOutput({ writeErr: (text) => process.stderr.write(printable(text)) })
    .showHelpAfterError("(--help lists the options)");
  const { operands, unknown } = program.parseOptions([...argv]);
  if (unknown.some((word) => word === "--help" || word === "-h")) program.help();
  const options = program.opts<Omit<Options, "runs" | "rest">>();
  const wrong = (text: string): never => program.error(`error: ${text}`, { exitCode: 2 });
  if (operands.length === 0 && options.experiment === undefined) {
    wrong("name the folder of a run, or --experiment and --weights");
  }
  if (operands.length > 0 && options.experiment !== undefined) {
    wrong("--experiment has no effect with RUN, whose config.json names it");
  }
  return { ...options, runs: operands, rest: unknown };
}
