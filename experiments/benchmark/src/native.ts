/** @file The native backend of a bench, and the machine that it runs on. */
import { cpus } from "node:os";
import {
  instructionSet,
  type Precision,
  precisions,
  setInstructionSet,
  setPrecision,
  setThreads,
  threads,
} from "@sew/backend-native";
import { useBackend } from "@sew/backends";
import { type Command, Option } from "commander";
import { atLeastOne } from "./options.js";

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
    .addOption(new Option("--precision <name>", "precision of dense products").choices([...precisions]))
    .option("--threads <n>", "threads of the kernels (default: all cores)", atLeastOne)
    .option("--isa <name>", "instruction set (default: the best)");
}

/** The machine of some figures. */
export interface Machine {
  readonly cpu: string | undefined;
  readonly cores: number;
  readonly threads: number;
  readonly instructionSet: string;
}

/** Selects the native backend with its settings. */
export async function useNative(options: NativeOptions = {}): Promise<Machine> {
  await useBackend("native");
  if (options.threads !== undefined) setThreads(options.threads);
  if (options.isa !== undefined) setInstructionSet(options.isa);
  if (options.precision !== undefined) setPrecision(options.precision);
  return { cpu: cpus()[0]?.model, cores: cpus().length, threads: threads(), instructionSet: instructionSet() };
}

/** The machine in a line. */
export function machineLine({ cpu, cores, threads: used, instructionSet: name }: Machine): string {
  return `${cpu}, ${used} of ${cores} cores, ${name}, node ${process.version}`;
}
