export {
  float32,
  floats,
  floatsOf,
  imageShapes,
  membraneParams,
  type Numeric,
  type Sequence,
  sequences,
  spikesOf,
} from "./arbitraries.js";
export { type BackendName, describeBackends, nativeUnavailable, use, useStoredSpikes } from "./backends.js";
export { difference, expectClose, read, type Tolerance, tight } from "./close.js";
export { type BlockUnderTest, describeBlock } from "./contracts/block.js";
export { describeModule, type ModuleUnderTest, spikesOfShape } from "./contracts/module.js";
export { composed, describeNeuron } from "./contracts/neuron.js";
export { expectRecomputes } from "./contracts/recompute.js";
export { describeReference } from "./contracts/reference.js";
export { describeSurrogate } from "./contracts/surrogate.js";
export { neuronLayers, restingMembranes, spikes } from "./neuronLayers.js";
export { referenceSpike } from "./reference/surrogates.js";
export { scoped } from "./scoped.js";
export { staysFinite } from "./staysFinite.js";
