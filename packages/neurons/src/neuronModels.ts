import { alif } from "./alif.js";
import { cplif } from "./cplif.js";
import { cubalif } from "./cubalif.js";
import { eif } from "./eif.js";
import { glif } from "./glif.js";
import { integrateAndFire } from "./if.js";
import { ilif } from "./ilif.js";
import { izhikevich } from "./izhikevich.js";
import { klif } from "./klif.js";
import { li } from "./li.js";
import { lif } from "./lif.js";
import { lifRefractory } from "./lifRefractory.js";
import { ltlif } from "./ltlif.js";
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
  CPLIF: cplif,
  LTLIF: ltlif,
  KLIF: klif,
  ALIF: alif,
  GLIF: glif,
  CUBALIF: cubalif,
  LIFREFRACTORY: lifRefractory,
  IZHIKEVICH: izhikevich,
  ILIF: ilif,
  LI: li,
} as const satisfies Record<string, NeuronModel<MembraneParams, string>>;

export * from "./alif.js";
export * from "./cplif.js";
export * from "./cubalif.js";
export * from "./eif.js";
export * from "./glif.js";
export * from "./if.js";
export * from "./ilif.js";
export * from "./izhikevich.js";
export * from "./klif.js";
export * from "./li.js";
export * from "./lif.js";
export * from "./lifRefractory.js";
export * from "./ltlif.js";
export * from "./plif.js";
export * from "./qif.js";
