import { eif } from "./eif.js";
import { integrateAndFire } from "./if.js";
import { lif } from "./lif.js";
import type { MembraneParams, NeuronModel } from "./neuron.js";
import { plif } from "./plif.js";
import { qif } from "./qif.js";

/**
 * Every neuron model by its name in the notation of networks; command lines, tests and reports read this record, too.
 *
 * @example
 * neuronModels.LIF.name; // "lif"
 */
export const neuronModels = {
  IF: integrateAndFire,
  LIF: lif,
  PLIF: plif,
  QIF: qif,
  EIF: eif,
} as const satisfies Record<string, NeuronModel<MembraneParams, string>>;

export * from "./eif.js";
export * from "./if.js";
export * from "./lif.js";
export * from "./plif.js";
export * from "./qif.js";
