import { maskedPsn } from "./maskedPsn.js";
import type { ParallelNeuronModel } from "./parallelNeuron.js";
import { psn } from "./psn.js";
import { slidingPsn } from "./slidingPsn.js";

/**
 * Every parallel neuron model by its name in the notation of networks; command lines and tests read this record, too.
 *
 * @example
 * parallelNeuronModels.PSN.name; // "psn"
 */
export const parallelNeuronModels = {
  PSN: psn,
  MASKEDPSN: maskedPsn,
  SLIDINGPSN: slidingPsn,
} as const satisfies Record<string, ParallelNeuronModel<object>>;

export { type MaskedPsnParams, maskedPsn } from "./maskedPsn.js";
export { type PsnParams, psn } from "./psn.js";
export { type SlidingPsnParams, slidingPsn } from "./slidingPsn.js";
