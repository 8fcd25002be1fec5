export { firingCurrent, silentCurrent } from "./constantCurrent.js";
export { type EifParams, eif, eifCharge } from "./eif.js";
export { type IfParams, ifCharge, integrateAndFire } from "./if.js";
export { type LifParams, lif, lifCharge } from "./lif.js";
export {
  canFuse,
  fusedAttrs,
  fusedRate,
  MULTI_STEP_NEURON,
  MULTI_STEP_NEURON_GRAD,
  type MultiStepNeuronAttrs,
  multiStepNeuron,
  runKernel,
} from "./multiStepNeuron.js";
export {
  type Charge,
  type FusedCharge,
  fire,
  type MembraneParams,
  membrane,
  type Neuron,
  type NeuronModel,
  neuron,
  type Reset,
  reset,
  type Step,
} from "./neuron.js";
export { type PlifParams, plif, plifCharge, plifInitial } from "./plif.js";
export { type QifParams, qif, qifCharge } from "./qif.js";
export { type Unrolled, unroll } from "./unroll.js";
