/** @file The command line of pnpm bench peers. */
import { availableParallelism } from "node:os";
import { printable } from "@sew/kernels";
import { Command, Option } from "commander";
import { atLeastOne, filterNames, jsonFile, MOST_THREADS, threadCount } from "../options.js";
import { type Way, ways, waysOf } from "./ways.js";
import { waysFor, works } from "./works.js";

export interface Options {
  /** The interpreter that has SpikingJelly. */
  readonly python: string;
  /** Names of the works. */
  readonly names: readonly string[];
  readonly ways: readonly Way[];
  readonly rounds: number;
  readonly runs: number;
  readonly threads: number;
  /** Seconds. */
  readonly silence: number;
  readonly json: string;
}

/** The remedy where there is no Python with SpikingJelly. */
export const environmentRemedy =
  "make an environment and name it:\n" +
  "  python3 -m venv peers && peers/bin/pip install torch torchvision spikingjelly==2.0.0\n" +
  "  pnpm bench peers --python peers/bin/python";

const namesOf = (of: readonly Way[]) => of.map(({ name }) => name).join(", ");

const words =
  "eager is float32. channels-last: the memory format; bf16: autocast; compile: torch.compile; malloc: the C library keeps\n" +
  "freed memory, as jemalloc does; memopt: SpikingJelly's checkpoints of compressed spikes; fused: norms in the weights of\n" +
  "convolutions; recompute: ours with less memory.";

/** Reads the command line; ends the process with a message where it is wrong. */
export function parseOptions(argv: readonly string[]): Options {
  const list = (names: Iterable<string>) => [...names].map((name) => `  ${name}`).join("\n");
  const program = new Command("pnpm bench peers")
    .description(
      "Times SpikingJelly 2.0 on PyTorch in every way that a CPU runs it, and ours, on the same works with the same number of " +
        "threads. Each measurement has a process of its own; a round is one process of every way, the next round begins when " +
        "all have had theirs. It takes minutes to compile each work. A quiet machine gives honest figures.",
    )
    .option("--python <path>", "the Python interpreter that has torch and spikingjelly (required)")
    .option("--filter <text>", "only the works whose name has this in it (default: all)")
    .addOption(
      new Option("--ways <names>", "only these ways, with commas between").argParser(waysOf).default(ways, "all"),
    )
    .option("--rounds <n>", "processes of each way", atLeastOne, 2)
    .option("--runs <n>", "passes of each process; the median of all counts", atLeastOne, 7)
    .option("--threads <n>", "threads of both", threadCount, Math.min(MOST_THREADS, availableParallelism()))
    .option(
      "--silence <s>",
      "seconds after which a process that says nothing, such as a compiler that hangs, is killed",
      atLeastOne,
      1800,
    )
    .option(
      "--json <file>",
      "write every figure here, and the tables as Markdown beside it",
      jsonFile,
      "runs/benchmark/peers.json",
    )
    .addHelpText("after", `\nWorks:\n${list(works.keys())}\nWays:\n${list(ways.map(({ name }) => name))}\n\n${words}`)
    .configureOutput({ writeErr: (text) => process.stderr.write(printable(text)) })
    .showHelpAfterError("(--help lists the options)");
  program.parse([...argv], { from: "user" });
  const {
    python,
    filter = "",
    ...rest
  } = program.opts<Omit<Options, "names" | "python"> & { python?: string; filter?: string }>();
  if (!python) return program.error(`error: option '--python <path>' is missing: ${environmentRemedy}`);
  const chosen = filterNames(program, [...works.keys()], filter, "work");
  const names = chosen.filter((name) => waysFor(name, rest.ways).length > 0);
  if (names.length > 0) return { python, ...rest, names };
  const others = ways.filter((way) => chosen.some((name) => waysFor(name, [way]).length > 0));
  return program.error(
    `error: option '--ways <names>' argument '${namesOf(rest.ways)}' is invalid. It must have a way for a work of --filter: ` +
      `${namesOf(others)}.`,
  );
}
