/** @file The command line. */
import { statSync } from "node:fs";
import { printable } from "@sew/kernels";
import { Command, InvalidArgumentError, Option } from "commander";
import { distance } from "fastest-levenshtein";
import { commands } from "./commands.js";
import { ofSweep, ofTable } from "./measurements.js";

export interface Options {
  /** What to measure, by name; nothing where the machine is calibrated instead. */
  readonly names: readonly string[];
  readonly runs: number;
  readonly threads?: number;
  readonly isa?: string;
  readonly json: string;
  readonly sweep: boolean;
  readonly calibrate: boolean;
}

export function atLeastOne(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("It must be an integer of at least 1.");
  return value;
}

/** The most threads that the native backend takes. */
export const MOST_THREADS = 256;

/** A number of threads of the native backend. */
export function threadCount(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > MOST_THREADS) {
    throw new InvalidArgumentError(`It must be an integer from 1 to ${MOST_THREADS}.`);
  }
  return value;
}

/** A file for figures. It is checked before minutes of measuring; the ending keeps other files from being replaced. */
export function jsonFile(text: string): string {
  if (!text.endsWith(".json")) throw new InvalidArgumentError("It must end in .json.");
  if (isFolder(text)) throw new InvalidArgumentError("It must be a file, not a folder.");
  return text;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** The name that is most similar to a text, in any case. */
export function nearest(names: readonly string[], text: string, unlike = distance): string {
  const far = (name: string) => unlike(text.toLowerCase(), name.toLowerCase());
  return names.toSorted((a, b) => far(a) - far(b))[0]!;
}

/** How unlike a text the most similar part of a name is. */
function unlikeness(text: string, name: string): number {
  const starts = Array.from({ length: Math.max(1, name.length - text.length + 1) }, (_, start) => start);
  return Math.min(...starts.map((start) => distance(text, name.slice(start, start + text.length))));
}

/**
 * The names that contain a text, in any case.
 *
 * @param kind what has the names, such as `"row"`
 * @throws InvalidArgumentError that suggests the nearest name when there is none
 */
export function matching(names: readonly string[], text: string, kind: string): readonly string[] {
  const lower = text.toLowerCase();
  const found = names.filter((name) => name.toLowerCase().includes(lower));
  if (found.length > 0) return found;
  throw new InvalidArgumentError(
    `It must be part of the name of a ${kind}. The nearest is "${nearest(names, text, unlikeness)}".`,
  );
}

/** The names that `--filter` chooses, see {@link matching}; ends the process with a message where there is none. */
export function filterNames(
  command: Command,
  names: readonly string[],
  filter: string,
  kind: string,
): readonly string[] {
  try {
    return matching(names, filter, kind);
  } catch (error) {
    return command.error(
      `error: option '--filter <text>' argument '${filter}' is invalid. ${(error as Error).message}`,
    );
  }
}

/** Refuses every word: those that are commands are taken from the first place, before this command line is read. */
function refuseCommand(text: string): never {
  const names = Object.keys(commands);
  throw new InvalidArgumentError(
    names.includes(text)
      ? "It must be the first word."
      : `It must be one of ${names.join(", ")}. The nearest is ${nearest(names, text)}.`,
  );
}

const list = (names: Iterable<string>) => [...names].map((name) => `  ${name}`).join("\n");

const commandLines = Object.entries(commands).map(([name, description]) => `${name.padEnd(8)} ${description}`);

/** Reads the command line; ends the process with a message where it is wrong. */
export function parseOptions(argv: readonly string[]): Options {
  const program = new Command("pnpm bench")
    .description(
      "Times training steps and forward passes against the floor of this machine: their dense " +
        "float32 operations at its measured multiply-add peak. Each row runs in a process of its own, 3 times to warm up " +
        "and then for its figures. A quiet machine gives honest ones.",
    )
    .argument("[command]", "what to do instead, see below", refuseCommand)
    .option("--runs <n>", "runs of each figure; the median counts", atLeastOne, 7)
    .option("--filter <text>", "only the rows whose name has this in it (default: all)")
    .option("--sweep", "time event-driven against dense convolutions by density instead; it takes minutes", false)
    .addOption(
      new Option(
        "--calibrate",
        "find from which density on dense convolutions of spikes are quicker on this machine, in seconds, and go by it\n" +
          "in all later runs, which then round differently",
      )
        .default(false)
        .conflicts(["sweep", "filter", "json", "runs"]),
    )
    .option("--threads <n>", "threads of the kernels (default: all cores)", threadCount)
    .option("--isa <name>", "instruction set (default: the best)")
    .option(
      "--json <file>",
      "write every figure here; beside it a Markdown table, or the sweep's picture\n" +
        "(default: runs/benchmark/results.json, density-sweep.json)",
      jsonFile,
    )
    .addHelpText("after", `\nCommands, each with a --help of its own:\n${list(commandLines)}`)
    .addHelpText("after", `\nRows:\n${list(ofTable.keys())}\nRows of --sweep:\n${list(ofSweep.keys())}`)
    .configureOutput({ writeErr: (text) => process.stderr.write(printable(text)) })
    .showHelpAfterError("(--help lists the options)");
  program.parse([...argv], { from: "user" });
  const { filter = "", ...given } = program.opts<
    Omit<Options, "names" | "json"> & { filter?: string; json?: string }
  >();
  const json = `runs/benchmark/${given.sweep ? "density-sweep" : "results"}.json`;
  if (given.calibrate) return { json, ...given, names: [] };
  return { json, ...given, names: filterNames(program, [...(given.sweep ? ofSweep : ofTable).keys()], filter, "row") };
}
