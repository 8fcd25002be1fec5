export { checkChannels, checkNotNegative, checkNumber, checkPositive, checkTau } from "./check.js";
export { composed } from "./composed.js";
export { firingCurrent, silentCurrent } from "./constantCurrent.js";
export {
  checkParams,
  type Emission,
  fire,
  type MembraneParams,
  membrane,
  type Neuron,
  type NeuronModel,
  neuron,
  type Parameter,
  type Reset,
  reset,
  resetSpikes,
  restingPotential,
  type State,
  type Step,
} from "./neuron.js";
export * from "./neuronModels.js";
export { parallelCurrent } from "./parallelCurrent.js";
export {
  type ParallelNeuron,
  type ParallelNeuronModel,
  type ParallelStep,
  type ParallelWeights,
  parallelNeuron,
} from "./parallelNeuron.js";
export * from "./parallelNeuronModels.js";
export { type Unrolled, unroll } from "./unroll.js";
