/**
 * @file Reference cases: numbers that another implementation computed, and the code that holds ours against them.
 *
 * Independent of the test runner; see `fixtures/README.md` for the layout of a folder of cases.
 */
import { join } from "node:path";
import * as z from "zod";
import { blockCase, blockSchema } from "./blocks.js";
import type { ReferenceCase } from "./case.js";
import { withDefaults } from "./caseNeurons.js";
import { faults, neuronFields, numbers, size } from "./fields.js";
import { networkCase, networkSchema } from "./networks.js";
import { neuronCase } from "./neurons.js";
import { readCases } from "./readCases.js";
import { surrogateCase } from "./surrogates.js";

export type { ReferenceCase } from "./case.js";

/** What there are cases of: one JSON file each. */
export const referenceKinds = ["surrogates", "neurons", "blocks", "networks"] as const;
/** A kind of cases. */
export type ReferenceKind = (typeof referenceKinds)[number];

/** The cases that come with this package. */
export const fixtures: string = join(import.meta.dirname, "..", "..", "fixtures");

const surrogateSchema = z.looseObject({
  surrogate: z.string(),
  alpha: z.number().nullish(),
  x: numbers,
  spike: numbers,
  derivative: numbers,
  primitive: numbers.nullish(),
});

const neuronSchema = z
  .looseObject({
    ...neuronFields,
    T: size,
    N: size,
    x: numbers,
    gradOut: numbers,
    spikes: numbers,
    v: numbers,
    gradX: numbers,
    w: z.number().nullish(),
    gradW: z.number().nullish(),
  })
  .refine(({ T, N, x, gradOut }) => x.length === T * N && gradOut.length === T * N, {
    path: ["x"],
    error: "must have T * N values, and gradOut as many",
  });

/** Checks a case of each kind, and makes it something to run. */
const make = {
  surrogates: surrogateSchema.transform(surrogateCase),
  neurons: neuronSchema.transform((c) => neuronCase(withDefaults(c))),
  blocks: blockSchema.transform(blockCase),
  networks: networkSchema.transform(networkCase),
} satisfies Record<ReferenceKind, z.ZodType<ReferenceCase>>;

/** A case that is none of its kind: running it says why. */
function unreadable(raw: unknown, why: string[]): ReferenceCase {
  const { tag } = (raw ?? {}) as { tag?: unknown };
  return { name: typeof tag === "string" ? tag : "without a name", run: () => why };
}

/**
 * Reads the cases of one kind from a folder; by default from {@link fixtures}. A case that lacks a field, or has one of
 * the wrong type, is read as one that differs in just that.
 *
 * @throws FileFormatError when the file does not hold cases
 */
export function referenceCases(kind: ReferenceKind, folder: string = fixtures): ReferenceCase[] {
  return readCases(join(folder, `${kind}.json`)).map((raw, index) => {
    try {
      const { data, error } = make[kind].safeParse(raw);
      return data ?? unreadable(raw, faults(index, error!));
    } catch (error) {
      return unreadable(raw, [`cases[${index}]: ${(error as Error).message}`]);
    }
  });
}
