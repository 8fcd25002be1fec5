/** @file The fields that several kinds of cases share, and what is wrong with a case that does not have them. */
import * as z from "zod";

/** A length, such as that of an axis. The bound keeps a wrong number from filling the memory. */
export const size = z.number().int().min(1).max(65_536);
/** A number of channels: a convolution between two of the largest still fits. */
export const channels = z.number().int().min(1).max(4096);
/** Values of a tensor, row by row. */
export const numbers = z.array(z.number());

/**
 * What a case says of its neurons. All but the name may be missing: the paper's settings take their place. `vReset: null`
 * is the soft reset, and so differs from a missing one.
 */
export const neuronFields = {
  neuron: z.string().nullish(),
  tau: z.number().nullish(),
  decayInput: z.boolean().nullish(),
  vThreshold: z.number().nullish(),
  vReset: z.number().nullish(),
  detachReset: z.boolean().nullish(),
  surrogate: z.string().nullish(),
  alpha: z.number().nullish(),
};

/** What a case stores of every parameter's gradient: its shape, its norm, and perhaps its first values. */
export const gradients = z.record(
  z.string(),
  z.object({ shape: z.array(size), l2: z.number().nonnegative(), head: numbers.optional() }),
);

/** A path into the file, such as `cases[3].grads.conv1.weight`. */
function pathOf(index: number, path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, step) => (typeof step === "number" ? `${text}[${step}]` : `${text}.${String(step)}`),
    `cases[${index}]`,
  );
}

/** What is wrong with a case, one line each for the first few faults. */
export function faults(index: number, { issues }: z.ZodError): string[] {
  const shown = 5;
  const lines = issues.slice(0, shown).map(({ path, message }) => `${pathOf(index, path)}: ${message}`);
  return issues.length > shown ? [...lines, `and ${issues.length - shown} more`] : lines;
}
