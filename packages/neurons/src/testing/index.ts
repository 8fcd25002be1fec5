/** @file What the tests of neurons share. Needs vitest and fast-check. */
export { type DescribeNeuronOptions, describeNeuron } from "./describeNeuron.js";
export { describeParallelNeuron } from "./describeParallelNeuron.js";
export { membraneParams, type Numeric, restingMembranes } from "./membraneParams.js";
