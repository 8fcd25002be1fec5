/**
 * @file Reference cases: numbers that another implementation computed, and the code that holds ours against them.
 *
 * Independent of the test runner; see `fixtures/README.md` for the layout of a folder of cases.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type BlockCase, blockCase } from "./blocks.js";
import type { ReferenceCase, UnsupportedCase } from "./case.js";
import { type NetworkCase, networkCase } from "./networks.js";
import { type NeuronCase, neuronCase } from "./neurons.js";
import { type SurrogateCase, surrogateCase } from "./surrogates.js";

export type { ReferenceCase, UnsupportedCase } from "./case.js";

/** What there are cases of: one JSON file each. */
export type ReferenceKind = "surrogates" | "neurons" | "blocks" | "networks";

/** The cases that come with this package. */
export const fixtures: string = join(import.meta.dirname, "..", "..", "fixtures");

/** Reads the cases of one kind from a folder; from {@link fixtures} unless told. */
export function referenceCases(kind: ReferenceKind, folder: string = fixtures): (ReferenceCase | UnsupportedCase)[] {
  const { cases } = JSON.parse(readFileSync(join(folder, `${kind}.json`), "utf8")) as { cases: unknown[] };
  switch (kind) {
    case "surrogates":
      return (cases as SurrogateCase[]).map(surrogateCase);
    case "neurons":
      return (cases as NeuronCase[]).map(neuronCase);
    case "blocks":
      return (cases as BlockCase[]).map(blockCase);
    case "networks":
      return (cases as NetworkCase[]).map(networkCase);
  }
}
