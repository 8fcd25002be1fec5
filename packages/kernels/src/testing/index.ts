/** @file What the tests of all packages share. Needs vitest and fast-check. */
export { float32, floats, floatsOf, imageShapes, type Sequence, sequences, spikesOf } from "./arbitraries.js";
export { addBackend, describeBackends, type TestBackend, unavailable, use, useDefaults } from "./backends.js";
export { difference, expectClose, read, type Tolerance, tight } from "./close.js";
export {
  type DrawnNeuron,
  type NeuronNumbers,
  type NeuronTensors,
  neuronNumbers,
  neuronSteps,
  neuronTensors,
} from "./neuronSteps.js";
export { scoped } from "./scoped.js";
