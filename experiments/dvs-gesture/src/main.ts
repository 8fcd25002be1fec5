/** @file pnpm experiment dvs-gesture: trains 7B-Net on event recordings and writes a report. */
import "@tensorflow/tfjs";
import { hasBfloat16, setPrecision } from "@sew/backend-native";
import { BackendUnavailable, useBackend } from "@sew/backends";
import { FileFormatError } from "@sew/datasets";
import { runExperiment } from "./experiment.js";
import { parseOptions } from "./options.js";

const settings = parseOptions(process.argv.slice(2));
try {
  const backend = await useBackend(settings.backend);
  if (settings.precision !== undefined) setPrecision(settings.precision);
  if (settings.precision === "bf16" && !(backend === "native" && hasBfloat16())) {
    const why = backend === "native" ? "this processor has no AVX512-BF16" : `the ${backend} backend has no bfloat16`;
    console.error(`warning: --precision bf16 changes nothing: ${why}`);
  }
  process.exitCode = (await runExperiment(settings, backend)) ? 0 : 130;
} catch (error) {
  // What the user can mend is told in a line; anything else is a fault of ours and comes with its trace.
  const known = [RangeError, BackendUnavailable, FileFormatError].some((kind) => error instanceof kind);
  const { message, stack, code } = error as NodeJS.ErrnoException;
  console.error(`error: ${known || code !== undefined || process.env.DEBUG === undefined ? message : stack}`);
  process.exitCode = 1;
}
