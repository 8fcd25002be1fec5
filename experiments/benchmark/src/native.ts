/** @file The native backend of a bench, and the machine that it runs on. */
import { cpus } from "node:os";
import {
  instructionSet,
  type Precision,
  precision,
  precisions,
  setInstructionSet,
  setThreads,
  threads,
} from "@sew/backend-native";
import { useBackend } from "@sew/backends";
import { type Command, Option } from "commander";
import { threadCount } from "./options.js";
import { usePrecision } from "./precision.js";

/** Settings of the backend. */
export interface NativeOptions {
  /** @defaultValue all cores */
  readonly threads?: number;
  /** Name of the instruction set. @defaultValue the best */
  readonly isa?: string;
  /** Precision of dense products. @defaultValue float32 */
  readonly precision?: Precision;
}

/** Adds the options of the backend to a command. */
export function addNativeOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--precision <name>", "precision of dense products (default: float32)").choices([...precisions]),
    )
    .option("--threads <n>", "threads of the kernels (default: all cores)", threadCount)
    .option("--isa <name>", "instruction set (default: the best)");
}

/** The machine of some figures. */
export interface Machine {
  readonly cpu: string | undefined;
  readonly cores: number;
  readonly threads: number;
  readonly instructionSet: string;
}

/**
 * Selects the native backend with its settings.
 *
 * @throws Error when this machine lacks the instruction set, or the instruction set lacks the precision
 */
export async function useNative(options: NativeOptions = {}): Promise<Machine> {
  await useBackend("native");
  if (options.threads !== undefined) setThreads(options.threads);
  if (options.isa !== undefined) setInstructionSet(options.isa);
  // Without the option it is that of SEW_PRECISION.
  usePrecision(options.precision ?? precision(), "leave --precision and SEW_PRECISION out, or name another --isa");
  return { cpu: cpus()[0]?.model, cores: cpus().length, threads: threads(), instructionSet: instructionSet() };
}

/** The machine in a line. */
export function machineLine({ cpu, cores, threads: used, instructionSet: name }: Machine): string {
  return `${cpu}, ${used} of ${cores} cores, ${name}, node ${process.version}`;
}
